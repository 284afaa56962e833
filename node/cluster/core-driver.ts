/**
 * Drives the protocol core: turns what the network does into events, carries out the effects, and keeps everything on one
 * queue, so that the core is never entered twice. All state of the protocol is in the core; this file only waits and calls.
 */

import {
  assertInvariant,
  HoldfastError,
  isHoldfastError,
  type ModelId,
  type NodeId,
  type RequestContext,
  TimeLimit,
} from '../../common/index.ts'
import {
  clampClocks,
  type Effect,
  type EntryKind,
  type Event,
  type FetchChunk,
  failureOf,
  type NodeCore,
  type Progress,
  type SignedEntry,
  type SummaryItem,
  type SummaryRange,
} from '../../core/index.ts'
import type { AbortOptions, ClusterNetwork, ClusterNetworkEvents } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { ConnectionManager } from './connection-manager.ts'
import { defaultProbesOptions, Probes, type ProbesOptions } from './probes.ts'

export interface VersionSummary {
  readonly items: readonly SummaryItem[]
  readonly range?: SummaryRange
  readonly groups?: readonly number[]
  readonly sums?: readonly number[]
  readonly wantsSummary: boolean
}

/** Encodes, decodes and checks what travels; a decoder throws PEER_PROTOCOL on anything malformed or badly signed. */
export interface EntryCodec {
  encodeEntries(entries: readonly SignedEntry[]): Uint8Array
  decodeEntries(bytes: Uint8Array): SignedEntry[]
  encodeVersionSummary(summary: VersionSummary): Uint8Array
  decodeVersionSummary(bytes: Uint8Array): VersionSummary
  encodeProgress(progress: Progress): Uint8Array
  decodeProgress(bytes: Uint8Array): Progress
}

export interface CoreDriverPorts {
  readonly core: NodeCore
  readonly network: ClusterNetwork
  readonly codec: EntryCodec
  readonly mesh: Pick<ConnectionManager, 'connect' | 'isSpare'>
  readonly clock: Clock
  readonly log: Log
}

export interface CoreDriverOptions {
  /** How often the core gets to look at the time. Finer than any of its periods. */
  readonly tickMs: number
  readonly probes: ProbesOptions
  /** A call of the protocol itself (version summary, entries) that takes longer has failed. */
  readonly callTimeoutMs: number
}

export const defaultCoreDriverOptions: CoreDriverOptions = {
  tickMs: 100,
  probes: defaultProbesOptions,
  callTimeoutMs: 5_000,
}

export type BytesBySource = Extract<Effect, { kind: 'fetch-complete' }>['bytesBySource']

/** Carries out 'get-chunk' effects of one model's fetch and reports each end as a chunk-done or chunk-failed event. */
export type ChunkGetter = (effect: Extract<Effect, { kind: 'get-chunk' }>) => void

/** Breaks off what a 'get-chunk' effect began. */
export type ChunkDropper = (effect: Extract<Effect, { kind: 'drop-chunk' }>) => void

interface RunningFetch {
  readonly getChunk: ChunkGetter
  readonly dropChunk: ChunkDropper
  readonly outcome: PromiseWithResolvers<BytesBySource>
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
export type TimelessEvent = DistributiveOmit<Event, 'nowMs'>

/** What happens in the cluster and matters to operators: for log and metrics. */
export type ClusterNotice = Extract<Effect, { kind: 'note' | 'distrust' | 'twin' | 'stale-advert' }>

/** Hears every event of the core and what followed from it, before that is carried out. */
export type StepListener = (event: Event, effects: readonly Effect[]) => void

export class CoreDriver {
  private readonly ports: CoreDriverPorts
  private readonly options: CoreDriverOptions
  private readonly probes: Probes
  private readonly fetches = new Map<ModelId, RunningFetch>()
  private readonly queue: TimelessEvent[] = []
  private readonly stops: (() => void)[] = []
  private readonly noticeListeners: ((notice: ClusterNotice) => void)[] = []
  private readonly stepListeners: StepListener[] = []
  /** The newest own entry of each kind that was published. */
  private readonly published = new Map<EntryKind, SignedEntry>()
  private readonly publishListeners = new Set<() => void>()
  private isDraining = false
  private isStopped = false

  constructor(ports: CoreDriverPorts, options: Partial<CoreDriverOptions> = {}) {
    this.ports = ports
    this.options = { ...defaultCoreDriverOptions, ...options }
    const { network, clock, log } = ports
    this.probes = new Probes(
      {
        network,
        clock,
        onMeasured: (node, rttMs) => this.dispatch({ kind: 'rtt-measured', node, rttMs }),
        onSilent: (node, error) => {
          if (!this.isStopped) log.debug({ node, error: error.message }, 'a node does not answer')
          this.dispatch({ kind: 'call-failed', node })
        },
      },
      this.options.probes,
    )
  }

  /** To be given to the network's start(). */
  networkEvents(onRefused: (remote: string, reason: string) => void): ClusterNetworkEvents {
    return {
      onPeerUp: (node) => {
        this.dispatch({ kind: 'peer-up', node })
        void this.probes.probe(node)
      },
      onPeerDown: (node) => this.dispatch({ kind: 'peer-down', node, isSpare: this.ports.mesh.isSpare(node) }),
      isMember: (node) => this.ports.core.isMember(node, this.ports.clock.nowMs()),
      onMessage: (_topic, from, message) => {
        this.probes.heard(from)
        return this.onGossip(from, message)
      },
      onRefused,
    }
  }

  start(): void {
    const { network, clock } = this.ports
    network.handle('digest', async (from, payload) => {
      this.probes.heard(from)
      const summary = this.ports.codec.decodeVersionSummary(payload)
      this.dispatch({ kind: 'summary', from, ...summary })
      return new Uint8Array()
    })
    network.handle('entries', async (from, payload) => {
      this.probes.heard(from)
      this.dispatch({ kind: 'entries', from, entries: this.decodeEntries(payload) })
      return new Uint8Array()
    })
    network.handle('progress', async (from, payload) => {
      this.probes.heard(from)
      this.dispatch({ kind: 'peer-progress', from, progress: this.ports.codec.decodeProgress(payload) })
      return new Uint8Array()
    })
    this.stops.push(clock.every(this.options.tickMs, () => this.dispatch({ kind: 'tick' })))
    this.stops.push(this.probes.start())
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop()
    this.dispatch({ kind: 'stopping' })
    this.isStopped = true
    for (const [model, fetch] of this.fetches) {
      fetch.outcome.reject(stopping(model))
    }
    this.fetches.clear()
  }

  onNotice(listener: (notice: ClusterNotice) => void): void {
    this.noticeListeners.push(listener)
  }

  onStep(listener: StepListener): void {
    this.stepListeners.push(listener)
  }

  dispatch(event: TimelessEvent): void {
    if (this.isStopped) return
    this.queue.push(event)
    if (this.isDraining) return
    this.isDraining = true
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
        const event = { ...next, nowMs: this.ports.clock.nowMs() } as Event
        const effects = this.ports.core.step(event)
        for (const listener of this.stepListeners) listener(event, effects)
        for (const effect of effects) this.execute(effect)
      }
    } finally {
      this.isDraining = false
    }
  }

  /** Resolves when every chunk was reported done. One fetch per model at a time: the caller coalesces. */
  fetch(
    model: ModelId,
    chunks: readonly FetchChunk[],
    options: {
      context: RequestContext
      originAllowed: boolean
      localBytes?: number
      getChunk: ChunkGetter
      dropChunk: ChunkDropper
    },
  ): Promise<BytesBySource> {
    if (this.isStopped) return Promise.reject(stopping(model))
    assertInvariant(!this.fetches.has(model), `one fetch of ${model} at a time`)
    const outcome = Promise.withResolvers<BytesBySource>()
    this.fetches.set(model, { getChunk: options.getChunk, dropChunk: options.dropChunk, outcome })
    const { context, originAllowed, localBytes = 0 } = options
    this.dispatch({ kind: 'fetch', model, chunks, context, originAllowed, localBytes })
    return outcome.promise
  }

  /** Ends a fetch that the node itself cannot go on with. */
  cancelFetch(model: ModelId, reason: HoldfastError): void {
    this.dispatch({ kind: 'fetch-cancelled', model, failure: failureOf(reason) })
    this.endFetch(model, (fetch) => fetch.outcome.reject(reason))
  }

  /** One request to a node; an unreachable one becomes suspected at once. */
  async call(node: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    try {
      // A dial may take longer than the caller has; the call itself then says that it was not in time.
      await untilAborted(this.ports.mesh.connect(node), options.signal)
      return await this.ports.network.call(node, method, payload, options)
    } catch (error) {
      if (isHoldfastError(error, 'PEER_UNREACHABLE')) this.dispatch({ kind: 'call-failed', node })
      throw error
    }
  }

  /**
   * Tells every connected peer this node's newest entry of a kind once more, by a call that it answers: gossip is not
   * acknowledged, and a node that leaves cannot repeat it. Waits first until an entry that `isWanted` has been published.
   * Resolves with the number of peers that answered, in any case when the signal fires.
   */
  async confirm(
    kind: EntryKind,
    isWanted: (body: object) => boolean,
    options: { signal: AbortSignal },
  ): Promise<number> {
    const { network, codec } = this.ports
    const signed = await this.whenPublished(kind, isWanted, options.signal)
    if (signed === null) return 0
    const message = codec.encodeEntries([signed])
    const calls = network.peers().map((node) => this.call(node, 'entries', message, options))
    const results = await Promise.allSettled(calls)
    return results.filter(({ status }) => status === 'fulfilled').length
  }

  private whenPublished(
    kind: EntryKind,
    isWanted: (body: object) => boolean,
    signal: AbortSignal,
  ): Promise<SignedEntry | null> {
    const { promise, resolve } = Promise.withResolvers<SignedEntry | null>()
    const look = () => {
      const signed = this.published.get(kind)
      if (signed !== undefined && isWanted(signed.entry.body)) resolve(signed)
    }
    const giveUp = () => resolve(null)
    this.publishListeners.add(look)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    look()
    return promise.finally(() => {
      this.publishListeners.delete(look)
      signal.removeEventListener('abort', giveUp)
    })
  }

  private execute(effect: Effect): void {
    switch (effect.kind) {
      case 'publish':
        this.published.set(effect.signed.entry.kind, effect.signed)
        for (const listener of this.publishListeners) listener()
        this.inBackground(
          'gossip',
          this.ports.network.broadcast(effect.signed.entry.kind, this.ports.codec.encodeEntries([effect.signed])),
        )
        return
      case 'send-summary':
        this.inBackground('summary', this.send(effect.to, 'digest', this.ports.codec.encodeVersionSummary(effect)))
        return
      case 'send-entries':
        this.inBackground('entries', this.send(effect.to, 'entries', this.ports.codec.encodeEntries(effect.entries)))
        return
      case 'send-progress':
        this.inBackground(
          'progress',
          this.send(effect.to, 'progress', this.ports.codec.encodeProgress(effect.progress)),
        )
        return
      case 'drop-chunk':
        this.fetches.get(effect.model)?.dropChunk(effect)
        return
      case 'get-chunk':
        this.fetches.get(effect.model)?.getChunk(effect)
        return
      case 'fetch-complete':
        this.endFetch(effect.model, (fetch) => fetch.outcome.resolve(effect.bytesBySource))
        return
      case 'fetch-failed':
        this.endFetch(effect.model, (fetch) => fetch.outcome.reject(new HoldfastError(effect.code, effect.message)))
        return
      case 'stale-advert':
        this.ports.log.info({ node: effect.node, model: effect.model }, 'a peer lacks a model that it advertised')
        for (const listener of this.noticeListeners) listener(effect)
        return
      case 'distrust':
        this.ports.log.warn({ node: effect.node, reason: effect.reason }, 'a peer is dropped')
        for (const listener of this.noticeListeners) listener(effect)
        this.inBackground('hang up', this.ports.network.hangUp(effect.node))
        return
      case 'twin':
        for (const listener of this.noticeListeners) listener(effect)
        return
      case 'note':
        this.ports.log.info({ node: effect.node, by: effect.by }, `node ${effect.note}`)
        for (const listener of this.noticeListeners) listener(effect)
    }
  }

  private endFetch(model: ModelId, settle: (fetch: RunningFetch) => void): void {
    const fetch = this.fetches.get(model)
    if (fetch === undefined) return
    this.fetches.delete(model)
    settle(fetch)
  }

  private onGossip(from: NodeId, message: Uint8Array): boolean {
    const entries = this.decodeGossip(from, message)
    if (entries === null) return false
    this.dispatch({ kind: 'entries', from, entries })
    return true
  }

  private decodeEntries(bytes: Uint8Array): SignedEntry[] {
    const wallMs = this.ports.clock.wallMs()
    return this.ports.codec.decodeEntries(bytes).map((signed) => clampClocks(signed, wallMs))
  }

  private decodeGossip(from: NodeId, message: Uint8Array): SignedEntry[] | null {
    try {
      return this.decodeEntries(message)
    } catch (error) {
      if (!isHoldfastError(error)) throw error
      this.ports.log.warn({ from, error: error.message }, 'malformed gossip is not relayed')
      return null
    }
  }

  private async send(node: NodeId, method: string, payload: Uint8Array): Promise<void> {
    using limit = new TimeLimit(this.ports.clock, this.options.callTimeoutMs)
    await this.call(node, method, payload, { signal: limit.signal })
  }

  private inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: Error) => {
      if (!this.isStopped) this.ports.log.debug({ error: error.message }, `${what} failed`)
    })
  }
}

function stopping(model: ModelId): HoldfastError {
  return new HoldfastError('SHUTTING_DOWN', `The fetch of ${model} ended because the node stops; ask another node.`)
}

/** Resolves when the work ends, or when the signal fires. */
async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work
  const { promise, resolve } = Promise.withResolvers<void>()
  const onAbort = () => resolve()
  if (signal.aborted) return
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
