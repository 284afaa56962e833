/**
 * One simulated node: the real NodeCore, the real eviction policies, and around them what the adapters of the daemon would do.
 * Effects of the core are carried out here; requests are served in requests.ts, models brought in models.ts, bytes moved in
 * chunk-mover.ts.
 */

import {
  byTier,
  type LocalTier,
  localTiers,
  type ModelId,
  type NodeId,
  type Prng,
  type RequestContext,
  type Source,
} from '../../common/index.ts'
import {
  type CopyNodeFacts,
  type CopyWorth,
  type Effect,
  type EntrySigner,
  type Event,
  type Failure,
  type FetchChunk,
  FetchHistory,
  GossipPace,
  localStatePeriodMs,
  NodeCore,
  type ResidentModel,
  type SignedEntry,
  type Timeless,
} from '../../core/index.ts'
import { createEvictionPolicy, type EvictionPolicy } from '../../placement/index.ts'
import { type FormedEntries, SharedStorage } from '../shared-ledger/index.ts'
import { modelOfFile, type SimModel } from '../world/models.ts'
import { Asked, ToldDemand } from './asked.ts'
import { ChunkMover } from './chunk-mover.ts'
import { copyWorth } from './copy-worth.ts'
import { Directory } from './directory.ts'
import { SimLeave } from './leave.ts'
import { Messenger } from './messenger.ts'
import { SimModels } from './models.ts'
import type { World } from './node-world.ts'
import { SimReplication } from './replication.ts'
import { SimRequests } from './requests.ts'
import { SimStore, type SimTier } from './sim-store.ts'
import { Workers } from './workers.ts'

/** A core is asked no more often than this whether something is due. */
const tickMsMin = 10

const sign: EntrySigner = (entry) => ({ entry, envelope: null })

export class SimNode {
  /** What a node forgets when it crashes. */
  core!: NodeCore
  models!: SimModels
  requests!: SimRequests
  /** How its models came, as the daemon tells it; null in worlds without a log. */
  fetches!: FetchHistory | null
  replication!: SimReplication
  asked!: Asked
  up = false
  draining = false
  epoch = 0
  /** Since when nothing happened to it or to its links from outside. */
  steadySinceMs = 0
  readonly index: number
  readonly id: NodeId
  readonly store: SimStore
  readonly memory: SimTier
  readonly disk: SimTier | null
  /** Reads take so many times longer than they should. */
  diskSlowness = 1
  readonly chunks: ChunkMover
  /** Of the core's ledger; a new one with each life. */
  storage!: SharedStorage
  /** Null where requests need no names. */
  readonly directory: Directory | null
  private leavingNow: SimLeave | null = null
  readonly workers: Workers
  readonly messenger: Messenger
  private pace!: GossipPace
  private readonly world: World
  private readonly random: Prng
  private readonly routeRandom: Prng
  private readonly placementRandom: Prng
  /** What the worth of each of its copies depends on. */
  readonly copyNode: CopyNodeFacts
  private demand!: ToldDemand
  private policies!: Readonly<Record<LocalTier, EvictionPolicy>>
  private readonly pending: Timeless<Event>[] = []
  private isStepping = false
  private wakeAtMs = Number.POSITIVE_INFINITY
  private isRetrying = false
  /** When requests that wait for room look at it again. */
  private idleAtMs = Number.POSITIVE_INFINITY

  constructor(world: World, index: number, random: Prng) {
    this.world = world
    this.index = index
    this.id = world.ids[index]!
    this.random = random
    const spec = world.topology.nodeSpec(index)
    const limits: Partial<Record<LocalTier, number>> = { memory: spec.memoryBytes, disk: spec.diskBytes }
    // A tier of which scenarios do not speak is empty.
    this.store = new SimStore(
      byTier((tier) => limits[tier] ?? 0),
      (file) => this.chunks.giveUp(world.byId.get(modelOfFile(file))!),
    )
    this.memory = this.store.tiers.memory
    this.disk = spec.diskBytes === 0 ? null : this.store.tiers.disk
    this.chunks = new ChunkMover(world, this)
    this.workers = new Workers(spec.workerCount)
    this.messenger = new Messenger(world, this)
    this.directory = world.scenario.names.lookUp ? new Directory(world, this) : null
    this.routeRandom = random.child('route')
    this.placementRandom = random.child('placement')
    this.copyNode = {
      times: world.times,
      diskBytesPerS: spec.diskReadBytesPerS,
      hasOrigin: true,
      soonRatePerS: (model) => this.policy('memory').expectedRatePerS?.(model, world.queue.nowMs) ?? null,
    }
    this.beginLife()
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
    this.models.crash()
    this.chunks.crash()
    this.workers.crash(nowMs, (arrivedMs, from) => this.world.metrics.lostWhileRunning(arrivedMs, from))
    this.directory?.crash()
    this.requests.crash()
    this.leavingNow = null
    // Callbacks scheduled before the crash must not fire.
    this.epoch += 1
  }

  restart(): void {
    // Kept on disk by the daemon.
    const records = this.core.pinned.all()
    this.draining = false
    const former = this.models
    this.beginLife()
    this.models.takeOver(former)
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

  /** Has the models from the start, as after pushes to this node. */
  preload(models: readonly SimModel[]): void {
    this.models.preload(models)
  }

  /** Reading so many bytes from this node's disk. */
  diskMs(sizeBytes: number): number {
    return (sizeBytes * 1_000) / this.world.topology.nodeSpec(this.index).diskReadBytesPerS
  }

  /** How long reading them takes now. */
  readMs(sizeBytes: number): number {
    return this.diskMs(sizeBytes) * this.diskSlowness
  }

  /** Told of all requests so far. */
  policy(tier: LocalTier): EvictionPolicy {
    this.asked.tell()
    return this.policies[tier]
  }

  worth(model: SimModel, tier: LocalTier): CopyWorth {
    return copyWorth(this, model, tier, this.world.scenario.policy.peerBlind, this.world.queue.nowMs)
  }

  /** Frees the model's memory or disk if nobody uses it. */
  release(model: SimModel, tier: LocalTier, reason: string, end: (isGone: boolean) => void = () => {}): void {
    this.models.release(model, tier, (isGone) => {
      if (isGone) this.onEvicted(model, tier, reason)
      end(isGone)
    })
  }

  /** `end` is told from where the model came, or why it is not ready, unless the node crashes before. */
  makeReady(model: SimModel, end: (outcome: Source | Failure) => void): void {
    this.models.makeReady(model, (outcome) => {
      if (typeof outcome !== 'string') this.lookWhenIdle()
      end(outcome)
    })
  }

  /** Nothing of the model leaves while it is held. */
  hold(model: SimModel): void {
    this.models.hold(model)
  }

  unhold(model: SimModel): void {
    this.models.unhold(model)
  }

  /** Requests for the model run or wait for a worker until then. */
  busy(model: SimModel, untilMs: number, isHeld: boolean): void {
    this.models.busy(model, untilMs, isHeld)
  }

  /** Still to come of a fetch that is under way. */
  missingBytes(model: SimModel): number | null {
    return this.models.isFetching(model) ? this.chunks.lackingBytes(model) : null
  }

  /** A copy for later, in this tier; `end` is told of it unless the node crashes before. */
  bring(model: SimModel, tier: LocalTier, context: RequestContext, end: (failure: Failure | null) => void): void {
    this.models.bring(model, tier, context, end)
  }

  /** By the pins of the cluster, which know of models by their ids. */
  isPinned(model: SimModel, tier: LocalTier): boolean {
    return this.replication.pins.isPinned(model.id, tier)
  }

  isReady(model: SimModel): boolean {
    return this.models.ready.has(model.index)
  }

  /** Complete in some tier, so that it can be used without a fetch. */
  holds(model: SimModel): boolean {
    return this.models.isHere(model)
  }

  /** It is being brought or started here now. */
  isComing({ id }: SimModel): boolean {
    return this.models.machine.isComing(id)
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

  fetch(model: ModelId, chunks: readonly FetchChunk[], context: RequestContext): void {
    this.step({ kind: 'fetch', model, chunks, context, originAllowed: true })
  }

  onResidency(models: readonly ResidentModel[]): void {
    if (this.up) this.messenger.announceResidency(models)
  }

  onEvicted(model: SimModel, tier: LocalTier, reason: string): void {
    const { metrics, queue } = this.world
    if (this.workers.isBusyWith(model, queue.nowMs)) {
      metrics.found('leases', queue.nowMs, `${this.id} evicts ${model.id}, for which requests run`)
    }
    this.note(`evicts ${model.id.slice(0, 8)} from ${tier}: ${reason}`)
    metrics.evicted(this.index, `${tier}: ${reason}`, queue.nowMs)
  }

  onWanted(model: SimModel): void {
    this.world.offered.wanted(this.index, model)
  }

  /** Once for all that comes free in one instant. */
  onRoomFreed(): void {
    if (this.isRetrying) return
    this.isRetrying = true
    this.later(0, () => {
      this.isRetrying = false
      if (this.requests.isWaiting) this.requests.roomFreed()
    })
  }

  step(event: Timeless<Event>): void {
    if (!this.up) return
    if (this.isStepping) {
      this.pending.push(event)
      return
    }
    this.isStepping = true
    this.tell(event)
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) this.tell(next)
    this.isStepping = false
    this.wakeInTime()
  }

  /** Gossip: most of all events of a large cluster, so that they do not take the way through the queue. */
  receive(from: NodeId, entries: readonly SignedEntry[]): void {
    if (!this.up) return
    if (this.isStepping) {
      this.step({ kind: 'entries', from, entries })
      return
    }
    const { nowMs } = this.world.queue
    const effects = this.core.step({ kind: 'entries', from, entries, nowMs })
    if (effects.length > 0) this.fetches?.observe({ kind: 'entries', from, entries, nowMs }, effects)
    for (let at = 0; at < effects.length; at += 1) this.execute(effects[at]!)
    this.wakeInTime()
  }

  /** What all nodes say at once goes into the storage past the core. False: it has to be told, entry by entry. */
  applyShared(formed: FormedEntries): boolean {
    const { nowMs } = this.world.queue
    const isTaken = this.core.fetchingModels().length === 0 && this.storage.applyShared(formed, nowMs)
    if (isTaken) formed.tell(this.pace, this.id, nowMs)
    else this.storage.forgetModels()
    return isTaken
  }

  announce(): void {
    this.messenger.announce()
  }

  /** The models that are here now, sorted by id. */
  residency(): ResidentModel[] {
    return this.models.machine.residency()
  }

  checkInvariants(): void {
    this.core.checkInvariants()
    this.store.checkInvariants()
    // What a node knew of what was in its memory it forgets with its life.
    if (this.up) this.models.machine.checkInvariants()
    for (const tier of localTiers) this.policy(tier).checkInvariants()
    this.requests.checkInvariants()
  }

  note(text: string): void {
    this.world.log?.add(this.world.queue.nowMs, `${this.id} ${text}`)
  }

  private tell(event: Timeless<Event>): void {
    const timed = { ...event, nowMs: this.world.queue.nowMs } as Event
    const effects = this.core.step(timed)
    this.fetches?.observe(timed, effects)
    for (let at = 0; at < effects.length; at += 1) this.execute(effects[at]!)
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
        this.messenger.publish(effect.signed)
        return
      case 'send-summary':
        this.messenger.sendSummary(effect)
        return
      case 'send-entries':
        this.messenger.sendEntries(effect)
        return
      case 'drop-chunk':
        this.chunks.breakOff(effect)
        return
      case 'send-progress':
        this.messenger.sendProgress(effect)
        return
      case 'get-chunk':
        this.chunks.get(effect)
        return
      case 'fetch-complete': {
        const { peer, origin } = effect.bytesBySource
        this.note(`fetch ${effect.model.slice(0, 8)} complete ${peer} ${origin}`)
        this.models.fetched(this.modelOf(effect.model), peer, origin)
        return
      }
      case 'fetch-failed':
        this.note(`fetch ${effect.model.slice(0, 8)} failed ${effect.code}`)
        this.models.fetchFailed(this.modelOf(effect.model), effect)
        return
      case 'stale-advert':
        this.note(`finds ${effect.model.slice(0, 8)} gone from ${effect.node}`)
        return
      case 'distrust':
        this.note(`distrusts ${effect.node}`)
        this.step({ kind: 'peer-down', node: effect.node })
        return
      case 'twin':
        this.note(`has a twin that began at ${effect.startedMs}`)
        return
      case 'note':
        if (effect.note === 'suspected') this.requests.suspected(effect.node)
        // A formed cluster of ten thousand notes a hundred million times who joined.
        if (this.world.log !== null) this.note(`${effect.node} ${effect.note} by ${effect.by}`)
    }
  }

  private modelOf(id: ModelId): SimModel {
    return this.world.byId.get(id)!
  }

  private createPolicy(name: string): EvictionPolicy {
    const { eviction } = this.world.scenario.policy
    if (eviction !== 'random') return createEvictionPolicy(eviction)
    return createEvictionPolicy('random', { seed: this.random.child(`evict ${name}`).seed })
  }

  /** Requests that hold nothing tell nobody when they end: the next that does may make room. */
  private lookWhenIdle(): void {
    const { nowMs } = this.world.queue
    const atMs = this.models.nextIdleMs(nowMs)
    if (atMs >= this.idleAtMs) return
    this.idleAtMs = atMs
    this.later(atMs - nowMs, () => {
      if (this.idleAtMs !== atMs) return
      this.idleAtMs = Number.POSITIVE_INFINITY
      this.models.useEnded()
    })
  }

  private beginLife(): void {
    const { world } = this
    this.isRetrying = false
    this.idleAtMs = Number.POSITIVE_INFINITY
    this.demand = new ToldDemand(() => this.asked.tell())
    this.policies = byTier((tier) => this.createPolicy(tier))
    const policies = this.disk === null ? [this.policies.memory] : Object.values(this.policies)
    this.asked = new Asked(world.models, { demand: this.demand, policies })
    this.core = this.createCore()
    this.fetches = world.log === null ? null : new FetchHistory()
    this.models = new SimModels(world, this)
    this.requests = new SimRequests(world, this, this.routeRandom)
    this.replication = new SimReplication(world, this, this.placementRandom)
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
    return new NodeCore({ self, epoch: epoch + 1, sign, random, demand, storage, pace }, core)
  }
}
