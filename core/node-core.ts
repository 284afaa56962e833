/**
 * The protocol of one node: events in, effects out, and questions about what the node believes.
 *
 * `step` runs to completion without clock, I/O or logging; an event that breaks the contract of events.ts is a defect of the
 * adapter and throws. Remote input was checked by the adapter for form, author and signature (entry-check.ts).
 */

import { assertInvariant, type ModelId, type NodeId, type Prng, type SourceView } from '../common/index.ts'
import { type PlacementMemory, type PlacementView, RateDemand, type RouteView } from '../placement/index.ts'
import { clampRecords } from './cluster/clamp-clocks.ts'
import { significanceOf } from './cluster/entry-format.ts'
import { GossipPace } from './cluster/gossip-pace.ts'
import { compareIds, type Interner } from './cluster/interner.ts'
import { Ledger } from './cluster/ledger.ts'
import type { LedgerStorage } from './cluster/ledger-storage.ts'
import { Membership } from './cluster/membership.ts'
import { type PinReader, PinSet } from './cluster/pin-set.ts'
import { PlainStorage } from './cluster/plain-storage.ts'
import { Publisher } from './cluster/publisher.ts'
import { everything, Reconcile } from './cluster/reconcile.ts'
import type { SharedRecord, SharedRecords } from './cluster/shared-records.ts'
import { type TenantReader, TenantSet } from './cluster/tenant-set.ts'
import { TwinWatch } from './cluster/twin-watch.ts'
import type { Effect, Entry, EntrySigner, Event, ResidentModel, SignedEntry, StateBody, SummaryItem } from './events.ts'
import { fetchNeutralKinds } from './fetch-neutral-events.ts'
import { defaultNodeCoreOptions, type NodeCoreOptions } from './options.ts'
import { FetchPlan } from './transfer/fetch-plan.ts'
import { SiteBudget } from './transfer/site-budget.ts'
import { SourceStats } from './transfer/source-stats.ts'
import { ClusterView, type HolderView, type MemberView, type RouteRequest } from './views/cluster-view.ts'
import type { CopyFacts, CopyWorth, LocalPlacement } from './views/placement-view-builder.ts'

export interface NodeCorePorts {
  readonly self: NodeId
  /** Higher than at every earlier start of this node. */
  readonly epoch: number
  readonly sign: EntrySigner
  readonly random: Prng
  /** Shared with others that ask for demand, such as an eviction policy; a new one by default. */
  readonly demand?: RateDemand
  /** Where the ledger keeps its entries; a table of its own by default. */
  readonly storage?: LedgerStorage
  /** Counts what this node receives; a new one by default. */
  readonly pace?: GossipPace
}

type EventOf<K extends Event['kind']> = Extract<Event, { kind: K }>

/**
 * The protocol of a node. What carries it between nodes, in the daemon and in the simulator, brings about the same.
 *
 * Suite: test/conformance/carried-cluster.suite.ts
 */
export class NodeCore {
  private readonly view: ClusterView
  private readonly self: NodeId
  private readonly options: NodeCoreOptions
  private readonly interner: Interner
  private readonly demand: RateDemand
  private readonly ledger: Ledger
  private readonly membership: Membership
  private readonly pace: GossipPace
  private readonly publisher: Publisher
  private readonly twins = new TwinWatch()
  private readonly reconcile: Reconcile
  private readonly sourceStats: SourceStats
  private readonly fetches: FetchPlan
  private readonly pins: PinSet
  private readonly tenants: TenantSet
  private models: readonly ResidentModel[] = []
  /** Fetches that others should know of: those that began when nobody had the model. */
  private readonly announced = new Set<ModelId>()
  private fetching: readonly ModelId[] = []
  private nextDemandAtMs = Number.NEGATIVE_INFINITY
  private nextExpiryAtMs = Number.NEGATIVE_INFINITY
  /** An entry said something of a model that is on its way in. */
  private fetchesConcerned = false
  private stopping = false

  constructor(ports: NodeCorePorts, options: NodeCoreOptions = defaultNodeCoreOptions) {
    const { self, random } = ports
    this.self = self
    this.options = options
    const storage = ports.storage ?? new PlainStorage(self, options.ledger)
    const interner = storage.ids
    this.interner = interner
    this.demand = ports.demand ?? new RateDemand()
    this.ledger = new Ledger({ self, storage }, options.ledger)
    const ledger = this.ledger
    this.membership = new Membership({ self, interner, ledger }, options.membership)
    this.pace = ports.pace ?? new GossipPace(options.pace)
    this.publisher = new Publisher(
      { self, epoch: ports.epoch, sign: ports.sign, ledger, pace: this.pace, random: random.child('publisher') },
      options.publisher,
    )
    this.reconcile = new Reconcile({ self, ledger, random: random.child('reconcile') }, options.reconcile)
    this.sourceStats = new SourceStats(
      options.sources,
      new SiteBudget((nowMs) => this.view.nearFetcherCount(nowMs), options.site),
      (node) => this.view.isNear(node),
    )
    this.pins = new PinSet(options.pins)
    this.tenants = new TenantSet(options.tenants)
    const { membership, sourceStats, demand } = this
    this.view = new ClusterView(
      { self, interner, facts: storage.facts, ledger, membership, sourceStats, demand },
      options.view,
    )
    this.fetches = new FetchPlan(
      {
        self,
        sourceStats: this.sourceStats,
        random: random.child('fetch'),
        peersWith: (model, nowMs) => this.view.usablePeers(model, nowMs),
        mayShare: () => this.mayShare(),
      },
      options.fetch,
    )
  }

  step(event: Event): readonly Effect[] {
    const effects = this.handle(event)
    const concernsFetches = event.kind === 'entries' ? this.takeConcerned() : !fetchNeutralKinds.has(event.kind)
    return this.finish(effects, concernsFetches, event.nowMs)
  }

  /**
   * When a tick has something to do next. Anything that happens before may bring it forward, so ask again after each step; a tick
   * that comes earlier or later does no harm.
   */
  nextWakeMs(nowMs: number): number {
    const ownMs = Math.min(this.nextExpiryAtMs, this.nextDemandAtMs, this.publisher.nextDueMs, this.reconcile.nextDueMs)
    return this.fetches.isIdle ? ownMs : Math.min(ownMs, nowMs + this.options.fetchLookMs)
  }

  /** Other nodes that have the model complete, whether they may be used or not. */
  holders(model: ModelId, nowMs: number): HolderView[] {
    return this.view.holders(model, nowMs)
  }

  /** Every way to the model's bytes from here, this node's own tiers included, for the cost model. */
  sources(model: ModelId, originAllowed: boolean, nowMs: number): SourceView[] {
    return this.view.sources(model, originAllowed, nowMs)
  }

  /** What placement's route() needs to decide about one request. */
  routeView(request: RouteRequest, nowMs: number): RouteView {
    return this.view.routeView(request, nowMs)
  }

  /** Requests per second that first arrive at this node. */
  demandOf(model: ModelId, nowMs: number): number {
    return this.demand.ratePerS(model, nowMs)
  }

  /** Requests per second in the whole cluster: what others publish, and our own as it is now. */
  clusterDemandOf(model: ModelId, nowMs: number): number {
    return this.ledger.demandOfOthers(model) + this.demand.ratePerS(model, nowMs)
  }

  /** Nodes in the ledger, this one included once it has published something. */
  get knownNodeCount(): number {
    return this.ledger.count
  }

  /** Every node in the ledger, this one included, in order of ids. */
  members(nowMs: number): MemberView[] {
    return this.view.members(nowMs)
  }

  /** What a copy of this node is worth, to the requests that come here and to the other nodes. For the eviction policies. */
  copyWorth(facts: CopyFacts, nowMs: number): CopyWorth {
    return this.view.placement.worth(facts, nowMs)
  }

  /** What placement's planPlacement() decides about. `memory` is told what is here now. */
  placementView(local: LocalPlacement, memory: PlacementMemory, graceMs: number, nowMs: number): PlacementView {
    return this.view.placement.view(local, this.pins.active(), memory, { graceMs, nowMs })
  }

  /** Pins of the cluster; it changes by events only. */
  get pinned(): PinReader {
    return this.pins
  }

  /** Tenants of the cluster; it changes by events only. */
  get tenantRecords(): TenantReader {
    return this.tenants
  }

  /** Models on their way in, sorted. */
  fetchingModels(): readonly ModelId[] {
    return this.fetches.models()
  }

  /** host:port of a node's bulk engine; null when the node is not known. */
  bulkAddressOf(node: NodeId): string | null {
    return this.view.stateOf(node)?.bulkAddress ?? null
  }

  /** Whether this is a node of the cluster that may be used now. */
  isMember(node: NodeId, nowMs: number): boolean {
    return this.view.isMember(node, nowMs)
  }

  /** libp2p multiaddrs of a node; empty when it is not known. */
  addressesOf(node: NodeId): readonly string[] {
    return this.view.stateOf(node)?.addresses ?? []
  }

  /** Versions of all that this node holds: equal on two nodes that believe the same. */
  ledgerSummary(): SummaryItem[] {
    return this.ledger.summary(everything)
  }

  checkInvariants(): void {
    this.ledger.checkInvariants()
    this.fetches.checkInvariants()
  }

  private handle(event: Event): readonly Effect[] {
    switch (event.kind) {
      case 'tick':
        return this.onTick(event.nowMs)
      case 'peer-up':
        return this.onPeerUp(event)
      case 'peer-down':
        return this.onPeerDown(event)
      case 'call-failed':
        return this.onSuspect(event.node, this.membership.callFailed(this.index(event.node), event.nowMs), event.nowMs)
      case 'source-silent':
        this.sourceStats.silent(event.node, event.silentMs, event.nowMs)
        return noEffects
      case 'rtt-measured':
        this.membership.measured(this.index(event.node), event.rttMs)
        return noEffects
      case 'ban-changed':
        this.sourceStats.setBanned(event.node, event.banned)
        if (event.banned) this.fetches.peerLost(event.node, event.nowMs)
        return noEffects
      case 'entries':
        return this.onEntries(event)
      case 'summary':
        return this.reconcile.summary(event)
      case 'local-state':
        return this.onLocalState(event)
      case 'local-residency':
        return this.onLocalResidency(event)
      case 'demand':
        this.demand.record(event.model, event.nowMs)
        return noEffects
      case 'fetch':
        return this.onFetch(event)
      case 'chunk-done':
        return this.fetches.chunkDone(event)
      case 'chunk-failed':
        return this.fetches.chunkFailed(event)
      case 'peer-progress':
        this.fetches.peerProgress(event)
        return noEffects
      case 'fetch-cancelled':
        this.fetches.cancel(event.model, event.nowMs)
        return []
      case 'pins':
        return this.putRecords(this.pins, event)
      case 'tenants':
        return this.putRecords(this.tenants, event)
      case 'stopping':
        return this.onStopping(event.nowMs)
    }
  }

  private putRecords<R extends SharedRecord>(
    set: SharedRecords<R>,
    { records, wallMs, nowMs }: { readonly records: readonly R[]; readonly wallMs: number; readonly nowMs: number },
  ): readonly Effect[] {
    const before = this.pins.version + this.tenants.version
    this.pins.prune(wallMs)
    this.tenants.prune(wallMs)
    const isNew = set.put(clampRecords(records, wallMs))
    if (this.pins.version + this.tenants.version !== before) this.refreshRecords()
    if (!isNew) return noEffects
    this.publisher.announce('state', nowMs, true)
    return noEffects
  }

  private takeConcerned(): boolean {
    const concerned = this.fetchesConcerned
    this.fetchesConcerned = false
    return concerned
  }

  /** What follows from an event besides its own effects. */
  private finish(effects: readonly Effect[], concernsFetches: boolean, nowMs: number): readonly Effect[] {
    let all = effects
    const isIdle = this.fetches.isIdle && this.announced.size === 0 && this.fetching.length === 0
    if (concernsFetches && !isIdle) {
      const planned = this.fetches.plan(nowMs)
      if (planned.length > 0) all = [...all, ...planned]
      this.announceFetches(nowMs)
    }
    const published = this.publisher.flush(nowMs)
    if (published.length > 0) all = [...all, ...published.map(toPublish)]
    const news = concernsFetches && !isIdle ? this.fetches.tell(nowMs) : noEffects
    return news.length === 0 ? all : [...all, ...news]
  }

  private onTick(nowMs: number): Effect[] {
    const effects: Effect[] = []
    if (nowMs >= this.nextExpiryAtMs) {
      effects.push(...this.expire(nowMs))
      this.nextExpiryAtMs = Math.max(nowMs + this.options.expiryCheckMs, this.ledger.nextExpireMs)
    }
    if (nowMs >= this.nextDemandAtMs) {
      this.refreshDemand(nowMs)
      // No earlier than it may be published again.
      this.nextDemandAtMs = Math.max(nowMs + this.options.demandCheckMs, this.publisher.earliestMs('demand'))
    }
    const connected = () => this.membership.connectedNodes().map((index) => this.interner.id(index))
    effects.push(...this.reconcile.tick(connected, nowMs))
    return effects
  }

  private onPeerUp({ node, nowMs }: EventOf<'peer-up'>): Effect[] {
    const index = this.index(node)
    this.ledger.meet(index)
    if (this.membership.peerUp(index)) this.refreshSuspicion(nowMs)
    this.fetches.peerBack(node, nowMs)
    return this.reconcile.peerUp(node, nowMs)
  }

  private onPeerDown({ node, isSpare, nowMs }: EventOf<'peer-down'>): Effect[] {
    if (isSpare === true) {
      this.membership.spareClosed(this.index(node))
      return []
    }
    const effects = this.onSuspect(node, this.membership.peerDown(this.index(node), nowMs), nowMs)
    this.fetches.peerLost(node, nowMs)
    return effects
  }

  private onSuspect(node: NodeId, isNew: boolean, nowMs: number): Effect[] {
    if (!isNew) return []
    this.refreshSuspicion(nowMs)
    return [{ kind: 'note', note: 'suspected', node, by: this.self }]
  }

  private onEntries({ from, entries, nowMs }: EventOf<'entries'>): readonly Effect[] {
    if (entries.length === 1) return this.onEntry(from, entries[0]!, nowMs)
    const effects: Effect[] = []
    // A suspicion counts against the newest state only: after the states of the same batch.
    for (const signed of entries) {
      if (signed.entry.kind !== 'suspicion') effects.push(...this.onEntry(from, signed, nowMs))
    }
    for (const signed of entries) {
      if (signed.entry.kind === 'suspicion') effects.push(...this.onEntry(from, signed, nowMs))
    }
    return effects
  }

  private onEntry(from: NodeId, signed: SignedEntry, nowMs: number): readonly Effect[] {
    const { entry } = signed
    // Not interned before the ledger takes it: a member may invent ids.
    const isNew = entry.kind === 'state' && !this.knowsState(entry.node)
    const applied = this.ledger.apply(signed, nowMs)
    if (applied === 'own') return this.onOwn(entry, nowMs)
    if (applied !== 'applied') return noEffects
    this.pace.received(signed, nowMs)
    if (entry.kind === 'residency' && !this.fetches.isIdle) {
      this.fetchesConcerned ||= this.ledger.lastChanges.some(({ model }) => this.fetches.has(model))
    }
    if (entry.kind === 'suspicion') return this.onSuspicion(entry, nowMs)
    return entry.kind === 'state' ? this.onState(entry, isNew ? from : null, nowMs) : noEffects
  }

  /** By this node's identity, and from elsewhere. */
  private onOwn(entry: Entry, nowMs: number): readonly Effect[] {
    const own = { version: this.publisher.version, startedMs: this.publisher.lastPublished('state')?.startedMs }
    const twin = this.twins.heard(entry, own)
    const { epoch, sequence } = entry
    const version = this.twins.isEqualOfLater(entry, own) ? { epoch, sequence: sequence + 1 } : { epoch, sequence }
    if (!this.twins.yields) this.publisher.supersede(version, nowMs)
    return twin === null ? noEffects : [{ kind: 'twin', ...twin }]
  }

  private knowsState(node: NodeId): boolean {
    const index = this.interner.lookup(node)
    return index !== undefined && this.ledger.get('state', index) !== null
  }

  private onState(entry: Entry<'state'>, joinedBy: NodeId | null, nowMs: number): readonly Effect[] {
    const author = this.index(entry.node)
    const pinsChanged = this.pins.receive(author, entry.body.pins)
    const tenantsChanged = this.tenants.receive(author, entry.body.tenants)
    if (pinsChanged || tenantsChanged) this.refreshRecords()
    if (joinedBy !== null) return [{ kind: 'note', note: 'joined', node: entry.node, by: joinedBy }]
    if (!this.membership.stateApplied(this.index(entry.node))) return noEffects
    this.refreshSuspicion(nowMs)
    return [{ kind: 'note', note: 'refuted', node: entry.node, by: entry.node }]
  }

  private onSuspicion(entry: Entry<'suspicion'>, nowMs: number): Effect[] {
    const { suspected, self } = this.membership.suspicionApplied(entry)
    // Alive enough to read it: a newer state entry is the refutation.
    if (self) this.publisher.announce('state', nowMs, true)
    this.refreshSuspicion(nowMs)
    return suspected.map((node) => ({ kind: 'note', note: 'suspected', node, by: entry.node }))
  }

  private onLocalState({ body, nowMs }: EventOf<'local-state'>): Effect[] {
    const published = this.publisher.lastPublished('state')
    this.publisher.set('state', this.withRecords(body))
    this.view.localState(body)
    const change = published === null ? 'identity' : significanceOf('state', published, body, this.options.significance)
    if (change !== 'none') this.publisher.announce('state', nowMs, change === 'identity')
    return []
  }

  private onLocalResidency({ models, nowMs }: EventOf<'local-residency'>): readonly Effect[] {
    for (let at = 1; at < models.length; at += 1) {
      assertInvariant(models[at - 1]!.model < models[at]!.model, 'local residency is sorted by model, each model once')
    }
    this.models = models
    this.view.localResidency(models)
    this.refreshResidency(nowMs, false)
    return noEffects
  }

  private onFetch(event: EventOf<'fetch'>): Effect[] {
    if (this.stopping) {
      const message = `the node is stopping and fetches no more: ask another node for model ${event.model}.`
      return [{ kind: 'fetch-failed', model: event.model, code: 'SHUTTING_DOWN', message }]
    }
    // A copy that placement makes is announced to all, whatever holds the model: others that weigh the same copy should know of it.
    const isCold =
      event.context.purpose === 'placement' ||
      !this.view.usablePeers(event.model, event.nowMs).some((peer) => peer.complete)
    if (isCold && event.chunks.length > 0 && this.mayShare()) this.announced.add(event.model)
    this.fetches.fetch(event)
    return []
  }

  private onStopping(nowMs: number): Effect[] {
    this.stopping = true
    this.announced.clear()
    this.fetching = []
    const body = this.view.ownState
    if (body !== null) {
      this.publisher.set('state', this.withRecords({ ...body, draining: true }))
      this.publisher.announceNow('state', nowMs)
    }
    this.models = []
    this.refreshResidency(nowMs, true)
    this.publisher.announceNow('residency', nowMs)
    return this.fetches.failAll('SHUTTING_DOWN', 'the node is stopping: ask another node.', nowMs)
  }

  /** Tells others what is on its way in, where that began without a holder: they may want it too. */
  private announceFetches(nowMs: number): void {
    if (this.mayShare())
      for (const model of this.fetches.olderThan(this.options.announceAfterMs, nowMs)) this.announced.add(model)
    if (this.announced.size === 0 && this.fetching.length === 0) return
    const running = this.fetches.models()
    const next = running.filter((model) => this.announced.has(model))
    for (const model of this.announced) if (!this.fetches.has(model)) this.announced.delete(model)
    const { fetching } = this
    if (next.length === fetching.length && next.every((model, at) => model === fetching[at])) return
    // A beginning is urgent, the crowd is under way. An end waits for the residency that follows it.
    const known = new Set(fetching)
    const begins = next.some((model) => !known.has(model))
    this.fetching = next
    this.refreshResidency(nowMs, begins)
  }

  /** Others may want the same model and take from us what we have of it. */
  private mayShare(): boolean {
    return this.options.sharesPartialModels && this.membership.connectedCount > 0
  }

  private refreshResidency(nowMs: number, urgent: boolean): void {
    const body = { models: this.models, ...(this.fetching.length > 0 ? { fetching: this.fetching } : {}) }
    this.publisher.set('residency', body)
    this.publisher.announce('residency', nowMs, urgent)
  }

  private withRecords(body: StateBody): StateBody {
    const published = this.publisher.lastPublished('state')
    const pins = this.pins.toPublish(published?.pins ?? [])
    const tenants = this.tenants.toPublish(published?.tenants ?? [])
    if (pins.length === 0 && tenants.length === 0) return body
    return { ...body, ...(pins.length === 0 ? {} : { pins }), ...(tenants.length === 0 ? {} : { tenants }) }
  }

  /** The next state says what is to be published of pins and tenants, whenever it comes. */
  private refreshRecords(): void {
    const body = this.view.ownState
    if (body !== null) this.publisher.set('state', this.withRecords(body))
  }

  private refreshSuspicion(nowMs: number): void {
    const published = this.publisher.lastPublished('suspicion')
    const body = this.membership.body(published)
    this.publisher.set('suspicion', body)
    if (JSON.stringify(body.suspects) === JSON.stringify(published?.suspects ?? [])) this.publisher.retract('suspicion')
    else this.publisher.announce('suspicion', nowMs, false)
  }

  private refreshDemand(nowMs: number): void {
    const rates = this.demand
      .top(this.pace.demandModelCount(this.ledger.count), nowMs)
      .filter(({ ratePerS }) => ratePerS >= this.options.demandRatePerSMin)
      .map(({ model, ratePerS }) => ({ model, ratePerS: Number(ratePerS.toPrecision(3)) }))
      .sort((a, b) => compareIds(a.model, b.model))
    this.publisher.set('demand', { rates })
    const published = this.publisher.lastPublished('demand') ?? { rates: [] }
    if (significanceOf('demand', published, { rates }, this.options.significance) !== 'none') {
      this.publisher.announce('demand', nowMs, false)
    }
  }

  private expire(nowMs: number): Effect[] {
    const removed = this.ledger.expire(nowMs)
    if (removed.length === 0) return []
    if (this.membership.removed(removed)) this.refreshSuspicion(nowMs)
    const pinsChanged = this.pins.removed(removed)
    const tenantsChanged = this.tenants.removed(removed)
    if (pinsChanged || tenantsChanged) this.refreshRecords()
    return removed.map((index) => {
      const node = this.interner.id(index)
      this.sourceStats.forget(node, nowMs)
      return { kind: 'note', note: 'expired', node, by: this.self }
    })
  }

  private index(node: NodeId): number {
    return this.interner.index(node)
  }
}

const noEffects: readonly Effect[] = []

const toPublish = (signed: SignedEntry): Effect => ({ kind: 'publish', signed })
