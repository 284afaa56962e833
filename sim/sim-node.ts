/**
 * One simulated node: the real NodeCore, and around it what the adapters of the daemon would do, in a few lines each. Its store
 * verifies every chunk as the native store does: what is not the announced digest is reported and never kept.
 */
import {
  defaultNodeCoreOptions,
  type Effect,
  type Event,
  type FetchChunk,
  type Interner,
  NodeCore,
  type NodeCoreOptions,
  type Seal,
} from '../node/core/index.ts'
import { createEvictionPolicy, type EvictionPolicy } from '../placement/eviction/index.ts'
import type { Prng } from '../placement/prng.ts'
import type { ModelId, NodeId, Sha256 } from '../placement/types.ts'
import type { SimModel } from './catalog.ts'
import type { EventLog } from './event-log.ts'
import type { EventQueue } from './event-queue.ts'
import type { Network } from './network.ts'
import type { SimOrigin } from './sim-origin.ts'

export interface SimNodeOptions {
  readonly core: NodeCoreOptions
  readonly memoryLimitBytes: number
  readonly tickMs: number
  /** Chunks a node sends at one time; the next asker is told that it is busy. */
  readonly uploadsMax: number
  /** How long an asker waits for a node that does not answer. */
  readonly callTimeoutMs: number
}

export const defaultSimNodeOptions: SimNodeOptions = {
  core: { ...defaultNodeCoreOptions, sharesPartialModels: true },
  memoryLimitBytes: 4 * 1024 ** 3,
  tickMs: 100,
  uploadsMax: 64,
  callTimeoutMs: 1_000,
}

/** What all nodes of one world share. */
export interface SimWorld {
  readonly ids: readonly NodeId[]
  readonly nodes: readonly SimNode[]
  readonly queue: EventQueue
  readonly network: Network
  readonly origin: SimOrigin
  readonly catalog: ReadonlyMap<ModelId, SimModel>
  readonly interner: Interner
  readonly log: EventLog
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type TimelessEvent = DistributiveOmit<Event, 'nowMs'>
type GetChunk = Extract<Effect, { kind: 'get-chunk' }>

/** 'no-room': all memory is taken by fetches under way. */
export type FetchOutcome = 'complete' | 'failed' | 'no-room'

/** What a server of chunks answers: the bytes stand as their digest. */
type Served = { readonly content: string } | 'missing' | 'refused'

export class SimNode {
  core: NodeCore
  up = true
  /** Serves other bytes than it was asked for. */
  byzantine = false
  readonly index: number
  readonly id: NodeId
  /** Verified chunks by model, complete or on the way. */
  readonly store = new Map<ModelId, Map<Sha256, string>>()
  readonly resident = new Set<ModelId>()
  /** Started and not ended; each has a waiter or more. */
  readonly fetching = new Map<ModelId, ((outcome: FetchOutcome) => void)[]>()
  readonly peerBytes = { sent: 0, received: 0 }
  private readonly world: SimWorld
  private readonly options: SimNodeOptions
  private readonly random: Prng
  private readonly policy: EvictionPolicy = createEvictionPolicy('lru')
  private readonly pending: TimelessEvent[] = []
  private epoch = 0
  private uploads = 0
  private stepping = false

  constructor(world: SimWorld, index: number, random: Prng, options: SimNodeOptions) {
    this.world = world
    this.index = index
    this.id = world.ids[index]!
    this.random = random
    this.options = options
    this.core = this.createCore()
  }

  start(): void {
    this.announce()
    const epoch = this.epoch
    const tick = (): void => {
      if (!this.up || this.epoch !== epoch) return
      this.step({ kind: 'tick' })
      this.world.queue.schedule(this.options.tickMs, tick)
    }
    this.world.queue.schedule(this.random.int(this.options.tickMs), tick)
  }

  /** Loses what was under way, keeps what is stored. */
  crash(): void {
    this.up = false
    this.pending.length = 0
    const waiters = [...this.fetching.values()].flat()
    for (const model of this.fetching.keys()) this.forget(model)
    this.fetching.clear()
    for (const waiter of waiters) waiter('failed')
  }

  restart(): void {
    this.up = true
    this.core = this.createCore()
    this.start()
  }

  get usedBytes(): number {
    let bytes = 0
    for (const model of [...this.resident, ...this.fetching.keys()]) bytes += this.world.catalog.get(model)!.sizeBytes
    return bytes
  }

  get limitBytes(): number {
    return this.options.memoryLimitBytes
  }

  /** Has the model from the start, as after a push to this node. */
  preload(model: SimModel): void {
    this.store.set(model.id, new Map(model.chunks.map((chunk) => [chunk.sha256, chunk.sha256])))
    this.insert(model)
    this.announce()
  }

  noteRequest(model: ModelId): void {
    this.policy.onRequest(model, this.world.queue.nowMs)
  }

  fetch(model: SimModel, end: (outcome: FetchOutcome) => void): void {
    const waiters = this.fetching.get(model.id)
    if (waiters !== undefined) {
      waiters.push(end)
      return
    }
    if (this.resident.has(model.id) || !this.makeRoom(model)) {
      end(this.resident.has(model.id) ? 'complete' : 'no-room')
      return
    }
    this.fetching.set(model.id, [end])
    this.store.set(model.id, new Map())
    const context = { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }
    this.step({ kind: 'fetch', model: model.id, chunks: model.chunks, context, originAllowed: true })
  }

  step(event: TimelessEvent): void {
    if (!this.up) return
    this.pending.push(event)
    if (this.stepping) return
    this.stepping = true
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
      for (const effect of this.core.step({ ...next, nowMs: this.world.queue.nowMs } as Event)) this.execute(effect)
    }
    this.stepping = false
  }

  private execute(effect: Effect): void {
    const { network, nodes, ids } = this.world
    switch (effect.kind) {
      case 'publish':
        this.note(`publish ${effect.sealed.entry.kind} ${effect.sealed.entry.epoch}/${effect.sealed.entry.sequence}`)
        network.gossip(this.index, (to, via) =>
          nodes[to]!.step({ kind: 'entries', from: ids[via]!, entries: [effect.sealed] }),
        )
        return
      case 'send-digest': {
        const { kind: _, to, ...digest } = effect
        this.send(to, { kind: 'digest', from: this.id, ...digest })
        return
      }
      case 'send-entries':
        this.send(effect.to, { kind: 'entries', from: this.id, entries: effect.entries })
        return
      case 'get-chunk':
        this.getChunk(effect)
        return
      case 'fetch-complete':
        this.endFetch(effect.model, 'complete', `${effect.bytesBySource.peer} ${effect.bytesBySource.origin}`)
        return
      case 'fetch-failed':
        this.endFetch(effect.model, 'failed', effect.code)
        return
      case 'distrust':
        this.note(`distrusts ${effect.node}`)
        this.step({ kind: 'peer-down', node: effect.node })
        return
      case 'note':
        this.note(`${effect.node} ${effect.note} by ${effect.by}`)
    }
  }

  private send(to: NodeId, event: TimelessEvent): void {
    const index = this.world.interner.index(to)
    this.world.network.send(this.index, index, () => this.world.nodes[index]!.step(event))
  }

  private getChunk({ model, chunk, source }: GetChunk): void {
    const { queue, network, origin, nodes, interner } = this.world
    const startedMs = queue.nowMs
    const { epoch } = this
    const end = (answer: Served | 'closed' | 'unavailable'): void => {
      if (this.epoch !== epoch || !this.up) return
      const held = this.store.get(model)
      const name = source.kind === 'peer' ? source.node : 'origin'
      if (typeof answer === 'string' || answer.content !== chunk.sha256) {
        const failure = typeof answer === 'string' ? answer : 'mismatch'
        this.note(`chunk ${chunk.sha256.slice(0, 8)} from ${name}: ${failure}`)
        this.step({ kind: 'chunk-failed', model, chunk: chunk.sha256, source, failure })
        return
      }
      if (held !== undefined && !this.resident.has(model)) held.set(chunk.sha256, answer.content)
      if (source.kind === 'peer') this.peerBytes.received += chunk.sizeBytes
      const elapsedMs = queue.nowMs - startedMs
      this.note(`chunk ${chunk.sha256.slice(0, 8)} from ${name}`)
      this.step({ kind: 'chunk-done', model, chunk: chunk.sha256, source, sizeBytes: chunk.sizeBytes, elapsedMs })
    }
    if (source.kind === 'origin') {
      origin.get(chunk, end)
      return
    }
    const server = interner.index(source.node)
    if (!network.linked(this.index, server)) {
      queue.schedule(this.options.callTimeoutMs, () => end('closed'))
      return
    }
    queue.schedule(network.rttMs(this.index, server) / 2, () => {
      nodes[server]!.serve(model, chunk, this.index, end)
    })
  }

  private serve(model: ModelId, chunk: FetchChunk, to: number, end: (answer: Served | 'closed') => void): void {
    const { queue, network } = this.world
    const content = this.byzantine ? `not ${chunk.sha256}` : this.store.get(model)?.get(chunk.sha256)
    if (!this.up || content === undefined || this.uploads >= this.options.uploadsMax) {
      const answer = !this.up ? 'closed' : content === undefined ? 'missing' : 'refused'
      queue.schedule(this.up ? network.rttMs(this.index, to) / 2 : this.options.callTimeoutMs, () => end(answer))
      return
    }
    this.uploads += 1
    this.peerBytes.sent += chunk.sizeBytes
    network.transfer(this.index, to, chunk.sizeBytes, (arrived) => {
      this.uploads -= 1
      end(arrived ? { content } : 'closed')
    })
  }

  private endFetch(model: ModelId, outcome: 'complete' | 'failed', detail: string): void {
    this.note(`fetch ${model.slice(0, 8)} ${outcome} ${detail}`)
    const waiters = this.fetching.get(model) ?? []
    this.fetching.delete(model)
    if (outcome === 'complete') this.insert(this.world.catalog.get(model)!)
    else this.forget(model)
    this.announce()
    for (const waiter of waiters) waiter(outcome)
  }

  private insert(model: SimModel): void {
    this.resident.add(model.id)
    const item = { model: model.id, sizeBytes: model.sizeBytes, missCostMs: model.initMs }
    this.policy.onInsert(item, this.world.queue.nowMs)
  }

  private forget(model: ModelId): void {
    this.store.delete(model)
    this.resident.delete(model)
    this.policy.onRemove(model, this.world.queue.nowMs)
  }

  /** Evicts until the model fits; nothing when it cannot. */
  private makeRoom(model: SimModel): boolean {
    const neededBytes = this.usedBytes + model.sizeBytes - this.options.memoryLimitBytes
    if (neededBytes <= 0) return true
    const plan = this.policy.planEviction({ neededBytes, nowMs: this.world.queue.nowMs, mayEvict: () => true })
    if (!plan.enough) return false
    for (const victim of plan.victims) {
      this.note(`evicts ${victim.model.slice(0, 8)} ${victim.reason}`)
      this.forget(victim.model)
    }
    this.announce()
    return true
  }

  private announce(): void {
    const models = [...this.resident].sort().map((model) => {
      return { model, tier: 'memory' as const, sizeBytes: this.world.catalog.get(model)!.sizeBytes }
    })
    this.step({ kind: 'local-residency', models })
    const body = {
      zone: this.world.network.zoneOf(this.index),
      protocolVersion: 1,
      addresses: [`/sim/${this.index}`],
      bulkAddress: `sim:${this.index}`,
      httpUrl: `http://sim-${this.index}`,
      queueMs: 0,
      memoryFreeBytes: this.options.memoryLimitBytes - this.usedBytes,
      memoryLimitBytes: this.options.memoryLimitBytes,
      diskFreeBytes: 0,
      draining: false,
    }
    this.step({ kind: 'local-state', body })
  }

  private createCore(): NodeCore {
    this.epoch += 1
    const { id: self, epoch } = this
    const random = this.random.child(`core ${epoch}`)
    const seal: Seal = (entry) => ({ entry, envelope: null })
    return new NodeCore({ self, epoch, seal, random, interner: this.world.interner }, this.options.core)
  }

  private note(text: string): void {
    this.world.log.add(this.world.queue.nowMs, `${this.id} ${text}`)
  }
}
