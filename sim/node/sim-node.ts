/**
 * One simulated node: the real NodeCore, the real eviction policies, and around them what the adapters of the daemon would do.
 * Effects of the core are carried out here; requests are served in requests.ts, models brought in loader.ts, bytes moved in
 * chunk-mover.ts.
 */

import type { LocalTier, ModelId, NodeId, Prng, Source } from '../../common/index.ts'
import {
  type Effect,
  type Event,
  type Failure,
  GossipPace,
  localStatePeriodMs,
  NodeCore,
  type ResidentModel,
  type Seal,
  type SealedEntry,
} from '../../core/index.ts'
import { createEvictionPolicy, type EvictionPolicy } from '../../placement/index.ts'
import { type FormedEntries, SharedStorage } from '../shared-ledger/index.ts'
import type { SimModel } from '../world/models.ts'
import { Asked, ToldDemand } from './asked.ts'
import { ChunkMover } from './chunk-mover.ts'
import { copyWorth } from './copy-worth.ts'
import { Directory } from './directory.ts'
import { SimLeave } from './leave.ts'
import { Loader } from './loader.ts'
import { Messenger } from './messenger.ts'
import type { World } from './node-world.ts'
import { SimReplication } from './replication.ts'
import { SimRequests } from './requests.ts'
import { Tier } from './tier.ts'
import { Workers } from './workers.ts'

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type TimelessEvent = DistributiveOmit<Event, 'nowMs'>

/** A model that is ready in memory. */
export interface Copy {
  readonly model: SimModel
  /** Until then requests for it run or wait for a worker here. */
  busyUntilMs: number
}

/** A core is asked no more often than this whether something is due. */
const tickMsMin = 10

const seal: Seal = (entry) => ({ entry, envelope: null })

export class SimNode {
  core: NodeCore
  up = false
  draining = false
  epoch = 0
  /** Since when nothing happened to it or to its links from outside. */
  steadySinceMs = 0
  readonly index: number
  readonly id: NodeId
  readonly memory: Tier
  readonly disk: Tier | null
  readonly chunks: ChunkMover
  readonly loader: Loader
  /** Of the core's ledger; a new one with each life. */
  storage!: SharedStorage
  /** Null where requests need no names. */
  readonly directory: Directory | null
  requests: SimRequests
  replication: SimReplication
  private leavingNow: SimLeave | null = null
  readonly workers: Workers
  readonly messenger: Messenger
  readonly asked: Asked
  /** By the model's index. */
  readonly ready = new Map<number, Copy>()
  private pace!: GossipPace
  private readonly world: World
  private readonly random: Prng
  private readonly routeRandom: Prng
  private readonly placementRandom: Prng
  private readonly demand = new ToldDemand(() => this.asked.tell())
  private readonly pending: TimelessEvent[] = []
  private isStepping = false
  private wakeAtMs = Number.POSITIVE_INFINITY
  private isRetrying = false
  /** By the model's index: requests for which it is brought here. */
  private readonly heldCounts = new Map<number, number>()

  constructor(world: World, index: number, random: Prng) {
    this.world = world
    this.index = index
    this.id = world.ids[index]!
    this.random = random
    const spec = world.topology.nodeSpec(index)
    const policies = { memory: this.createPolicy('memory'), disk: this.createPolicy('disk') }
    this.memory = this.createTier('memory', spec.memoryBytes, policies.memory)
    this.disk = spec.diskBytes === 0 ? null : this.createTier('disk', spec.diskBytes, policies.disk)
    const learners = { demand: this.demand, policies: this.disk === null ? [policies.memory] : Object.values(policies) }
    this.asked = new Asked(world.models, learners)
    this.chunks = new ChunkMover(world, this)
    this.loader = new Loader(world, this, { memory: this.memory, disk: this.disk })
    this.workers = new Workers(spec.workerCount)
    this.messenger = new Messenger(world, this, index)
    this.directory = world.scenario.names.lookUp ? new Directory(world, this) : null
    this.core = this.createCore()
    this.routeRandom = random.child('route')
    this.requests = new SimRequests(world, this, this.routeRandom)
    this.placementRandom = random.child('placement')
    this.replication = new SimReplication(world, this, this.placementRandom)
  }

  start(): void {
    this.up = true
    this.steadySinceMs = this.world.queue.nowMs
    this.wakeAtMs = Number.POSITIVE_INFINITY
    this.announce()
    this.messenger.announceState()
    this.every(localStatePeriodMs, () => this.messenger.announceState())
    this.replication.start()
  }

  /** Memory and what was under way are lost; the disk keeps what was whole. */
  crash(): void {
    const { nowMs } = this.world.queue
    this.up = false
    this.pending.length = 0
    this.loader.crash()
    this.memory.clear()
    this.disk?.clear()
    for (const { model } of this.ready.values()) {
      if (this.disk?.has(model) === true) continue
      this.chunks.drop(model)
      this.loader.gone(model)
    }
    this.ready.clear()
    this.chunks.crash()
    this.workers.crash(nowMs, (arrivedMs, from) => this.world.metrics.lostWhileRunning(arrivedMs, from))
    this.directory?.crash()
    this.requests.crash()
    this.leavingNow = null
    // Callbacks scheduled before the crash must not fire.
    this.epoch += 1
    this.heldCounts.clear()
  }

  restart(): void {
    // Kept on disk by the daemon.
    const records = this.core.pinned.all()
    this.draining = false
    this.core = this.createCore()
    this.requests = new SimRequests(this.world, this, this.routeRandom)
    this.replication = new SimReplication(this.world, this, this.placementRandom)
    this.messenger.restart()
    this.start()
    if (records.length > 0) this.step({ kind: 'pins', records, wallMs: this.world.queue.nowMs })
  }

  /** Made when first needed: most nodes neither leave nor take over. */
  get leaving(): SimLeave {
    this.leavingNow ??= new SimLeave(this.world, this)
    return this.leavingNow
  }

  /** Drains, hands its last copies on, and is gone. */
  leave(): void {
    if (this.up && !this.draining) this.leaving.leave()
  }

  /** Has the model from the start, as after a push to this node. */
  preload(model: SimModel): void {
    this.chunks.fill(model)
    this.loader.wasDerived(model)
    if (this.disk?.tryReserve(model) === true) this.disk.settle(model)
    if (this.memory.tryReserve(model)) {
      this.memory.settle(model)
      this.becameReady(model)
    }
    if (this.up) this.announce()
  }

  /** Reading so many bytes from this node's disk. */
  diskMs(sizeBytes: number): number {
    return (sizeBytes * 1_000) / this.world.topology.nodeSpec(this.index).diskReadBytesPerS
  }

  /** Requests run or wait for it, or it is being brought in. */
  isInUse(model: SimModel): boolean {
    const busyUntilMs = this.ready.get(model.index)?.busyUntilMs ?? 0
    return busyUntilMs > this.world.queue.nowMs || this.isHeld(model)
  }

  /** Frees the model's memory or disk if nobody uses it. */
  release(model: SimModel, name: LocalTier, reason: string): boolean {
    const tier = name === 'memory' ? this.memory : this.disk
    const mayLeave = name === 'memory' ? this.mayLeaveMemory(model) : this.mayLeaveDisk(model)
    if (tier === null || !tier.has(model) || !mayLeave) return false
    tier.remove(model, 'dropped')
    this.evicted(model, name, reason)
    this.retryRooms()
    return true
  }

  /** `end` is told from where the model came, or why it is not ready, unless the node crashes before. */
  makeReady(model: SimModel, end: (outcome: Source | Failure) => void): void {
    if (this.isReady(model)) end('memory')
    else this.loader.load(model, end)
  }

  /** Nothing of the model leaves while it is held. */
  hold(model: SimModel): void {
    this.heldCounts.set(model.index, (this.heldCounts.get(model.index) ?? 0) + 1)
  }

  unhold({ index }: SimModel): void {
    const count = this.heldCounts.get(index)!
    if (count > 1) this.heldCounts.set(index, count - 1)
    else this.heldCounts.delete(index)
  }

  /** Requests for the model run or wait for a worker until then. */
  busy(model: SimModel, untilMs: number): void {
    const copy = this.ready.get(model.index)!
    if (untilMs > copy.busyUntilMs) copy.busyUntilMs = untilMs
  }

  /** Still to come of a fetch that is under way. */
  missingBytes(model: SimModel): number | null {
    return this.loader.isFetching(model) ? this.chunks.lackingBytes(model) : null
  }

  /** A copy for later, in this tier; `end` is told of it unless the node crashes before. */
  bring(model: SimModel, tier: LocalTier, end: (failure: Failure | null) => void): void {
    this.loader.copy(model, tier, end)
  }

  /** By the pins of the cluster, which know of models by their ids. */
  isPinned(model: SimModel, tier: LocalTier): boolean {
    return this.replication.pins.isPinned(model.id, tier)
  }

  isReady(model: SimModel): boolean {
    return this.ready.has(model.index)
  }

  /** Complete in some tier, so that it can be used without a fetch. */
  holds(model: SimModel): boolean {
    return this.isReady(model) || this.disk?.has(model) === true
  }

  becameReady(model: SimModel): void {
    this.ready.set(model.index, { model, busyUntilMs: 0 })
  }

  /** After the delay, unless the node crashes before. */
  later(delayMs: number, run: () => void): void {
    const { epoch } = this
    this.world.queue.schedule(delayMs, () => {
      if (this.epoch === epoch && this.up) run()
    })
  }

  callFailed(node: NodeId): void {
    this.step({ kind: 'call-failed', node })
  }

  startFetch(model: SimModel, purpose: 'request' | 'placement'): void {
    const deadlineMs = Number.POSITIVE_INFINITY
    const context = { tenant: 'public', deadlineMs, ...(purpose === 'placement' ? { purpose } : {}) }
    this.step({ kind: 'fetch', model: model.id, chunks: model.chunks, context, originAllowed: true })
  }

  /** Something is in use no more; once for all that ends in one instant. */
  retryRooms(): void {
    if (this.isRetrying || !this.isRoomWanted) return
    this.isRetrying = true
    this.later(0, () => {
      this.isRetrying = false
      this.disk?.retry()
      this.memory.retry()
      this.requests.roomFreed()
      this.retryWhenIdle()
    })
  }

  private get isRoomWanted(): boolean {
    return this.memory.waitingCount > 0 || (this.disk?.waitingCount ?? 0) > 0 || this.requests.isWaiting
  }

  step(event: TimelessEvent): void {
    if (!this.up) return
    this.pending.push(event)
    if (this.isStepping) return
    this.isStepping = true
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
      for (const effect of this.core.step({ ...next, nowMs: this.world.queue.nowMs } as Event)) this.execute(effect)
    }
    this.isStepping = false
    this.wakeInTime()
  }

  /** Gossip: most of all events of a large cluster, so that they do not take the way through the queue. */
  hear(from: NodeId, entries: readonly SealedEntry[]): void {
    if (!this.up) return
    if (this.isStepping) {
      this.step({ kind: 'entries', from, entries })
      return
    }
    const { nowMs } = this.world.queue
    for (const effect of this.core.step({ kind: 'entries', from, entries, nowMs })) this.execute(effect)
    this.wakeInTime()
  }

  /** What all nodes say at once goes into the storage past the core. False: it has to be told, entry by entry. */
  adopt(formed: FormedEntries): boolean {
    const { nowMs } = this.world.queue
    const isTaken = this.core.fetchingModels().length === 0 && this.storage.adopt(formed, nowMs)
    if (isTaken) formed.tell(this.pace, this.id, nowMs)
    else this.storage.forgetModels()
    return isTaken
  }

  announce(): void {
    this.messenger.announce()
  }

  /** What is here now, sorted by id. */
  residency(): ResidentModel[] {
    const held: ResidentModel[] = []
    for (const { model } of this.ready.values()) held.push(model.inMemory)
    for (const model of this.disk?.residents ?? []) if (!this.isReady(model)) held.push(model.onDisk)
    return held.sort((a, b) => (a.model < b.model ? -1 : 1))
  }

  checkInvariants(): void {
    this.core.checkInvariants()
    this.memory.checkInvariants()
    this.disk?.checkInvariants()
    this.requests.checkInvariants()
  }

  note(text: string): void {
    this.world.log?.add(this.world.queue.nowMs, `${this.id} ${text}`)
  }

  /** A tick comes when the core wants it. */
  private wakeInTime(): void {
    const { nowMs } = this.world.queue
    const atMs = Math.max(this.core.nextWakeMs(nowMs), nowMs + tickMsMin)
    if (atMs >= this.wakeAtMs || atMs === Number.POSITIVE_INFINITY) return
    this.wakeAtMs = atMs
    this.later(atMs - nowMs, () => {
      if (this.wakeAtMs !== atMs) return
      this.wakeAtMs = Number.POSITIVE_INFINITY
      this.step({ kind: 'tick' })
    })
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case 'publish':
        this.messenger.publish(effect.sealed)
        return
      case 'send-digest':
        this.messenger.sendDigest(effect)
        return
      case 'send-entries':
        this.messenger.sendEntries(effect)
        return
      case 'get-chunk':
        this.chunks.get(effect)
        return
      case 'fetch-complete': {
        const { peer, origin } = effect.bytesBySource
        this.note(`fetch ${effect.model.slice(0, 8)} complete ${peer} ${origin}`)
        this.loader.fetched(this.modelOf(effect.model), peer >= origin ? 'peer' : 'origin')
        return
      }
      case 'fetch-failed':
        this.note(`fetch ${effect.model.slice(0, 8)} failed ${effect.code}`)
        this.loader.fetchFailed(this.modelOf(effect.model))
        return
      case 'distrust':
        this.note(`distrusts ${effect.node}`)
        this.step({ kind: 'peer-down', node: effect.node })
        return
      case 'note':
        // A formed cluster of ten thousand notes a hundred million times who joined.
        if (this.world.log !== null) this.note(`${effect.node} ${effect.note} by ${effect.by}`)
    }
  }

  private modelOf(id: ModelId): SimModel {
    return this.world.byId.get(id)!
  }

  private createTier(name: LocalTier, limitBytes: number, policy: EvictionPolicy): Tier {
    const { scenario, queue } = this.world
    return new Tier({
      name,
      limitBytes,
      policy,
      tell: () => this.asked.tell(),
      modelOf: (id) => this.modelOf(id),
      mayEvict: (model) => (name === 'memory' ? this.mayLeaveMemory(model) : this.mayLeaveDisk(model)),
      mayEvictAtLast: (model) => (this.isReady(model) ? this.mayLeaveMemory(model) : this.mayLeaveDisk(model)),
      worthOf: (model) => copyWorth(this, model, name, scenario.policy.peerBlind, queue.nowMs),
      onEvicted: (model, reason) => this.evicted(model, name, reason),
      onWaiting: () => this.retryWhenIdle(),
      nowMs: () => queue.nowMs,
    })
  }

  private createPolicy(name: string): EvictionPolicy {
    const { eviction } = this.world.scenario.policy
    if (eviction !== 'random') return createEvictionPolicy(eviction)
    return createEvictionPolicy('random', { seed: this.random.child(`evict ${name}`).seed })
  }

  private evicted(model: SimModel, name: LocalTier, reason: string): void {
    const { metrics, queue } = this.world
    if (this.workers.isBusyWith(model, queue.nowMs)) {
      metrics.found('leases', queue.nowMs, `${this.id} evicts ${model.id}, for which requests run`)
    }
    this.left(model, name)
    this.note(`evicts ${model.id.slice(0, 8)} from ${name}: ${reason}`)
    metrics.evicted(this.index, `${name}: ${reason}`, queue.nowMs)
  }

  /** The model is gone from a tier; what is in no tier is not here. */
  private left(model: SimModel, name: LocalTier): void {
    if (name === 'disk') this.memory.remove(model, 'evicted')
    this.ready.delete(model.index)
    if (!this.holds(model)) {
      this.chunks.drop(model)
      this.loader.gone(model)
    }
    this.later(0, () => this.announce())
  }

  private mayLeaveMemory(model: SimModel): boolean {
    const copy = this.ready.get(model.index)
    if (copy === undefined || this.isHeld(model) || this.isPinned(model, 'memory')) return false
    return copy.busyUntilMs <= this.world.queue.nowMs
  }

  /**
   * What is in memory keeps its files, for peers and for a faster return, as long as anything else can go: a disk not larger than
   * the memory would otherwise be full of what is in memory, and nothing new could ever come.
   */
  private mayLeaveDisk(model: SimModel): boolean {
    return !this.isReady(model) && !this.isHeld(model) && !this.isPinned(model, 'disk')
  }

  /** It is being brought in, a request needs it, or another node takes it from here. */
  private isHeld(model: SimModel): boolean {
    const isWanted = this.loader.isLoading(model) || this.heldCounts.has(model.index)
    return isWanted || this.leavingNow?.holds.has(model) === true
  }

  /** Requests that run hold their models: the next that ends may make room. */
  private retryWhenIdle(): void {
    if (!this.isRoomWanted) return
    const { nowMs } = this.world.queue
    let nextMs = Number.POSITIVE_INFINITY
    for (const { busyUntilMs } of this.ready.values()) if (busyUntilMs > nowMs) nextMs = Math.min(nextMs, busyUntilMs)
    if (nextMs < Number.POSITIVE_INFINITY) this.later(nextMs - nowMs, () => this.retryRooms())
  }

  every(periodMs: number, run: () => void): void {
    const again = (): void => {
      run()
      this.later(periodMs, again)
    }
    this.later(this.random.int(periodMs), again)
  }

  private createCore(): NodeCore {
    const { id: self, epoch, demand } = this
    const { ledgers, core } = this.world
    const random = this.random.child(`core ${epoch}`)
    this.storage = new SharedStorage(self, ledgers, core.ledger)
    this.pace = new GossipPace(core.pace)
    const { storage, pace } = this
    return new NodeCore({ self, epoch: epoch + 1, seal, random, demand, storage, pace }, core)
  }
}
