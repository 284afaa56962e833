/**
 * What a node believes, as the decisions of placement/ want to see it: holders, sources, members, demand. Reads only.
 */

import {
  type ModelId,
  type NodeId,
  type RequestContext,
  type SourceView,
  slowestTier,
  type Tier,
  tierTable,
} from '../../common/index.ts'
import type { RateDemand, RouteHolder, RouteModel, RouteSelf, RouteView } from '../../placement/index.ts'
import type { Interner } from '../cluster/interner.ts'
import type { Ledger } from '../cluster/ledger.ts'
import type { Membership } from '../cluster/membership.ts'
import type { ModelNodes } from '../cluster/model-nodes.ts'
import type { NodeFacts } from '../cluster/node-facts.ts'
import { isDraining, isSender } from '../cluster/state-marks.ts'
import type { ResidencyBody, ResidentModel, StateBody } from '../events.ts'
import type { PeerSource } from '../transfer/peer-source.ts'
import { originKey, type SourceStats, type SpeedEstimate } from '../transfer/source-stats.ts'
import {
  defaultPlacementViewBuilderOptions,
  PlacementViewBuilder,
  type PlacementViewBuilderOptions,
} from './placement-view-builder.ts'
import { defaultElsewhereOptions, type ElsewhereOptions, RemoteCopies } from './remote-copies.ts'
import { ReplicaPlaces } from './replica-places.ts'
import { defaultZoneDemandOptions, ZoneDemand, type ZoneDemandOptions } from './zone-demand.ts'

export interface ClusterViewOptions {
  /** Speed of this node's own tiers. */
  readonly tiers: Readonly<Record<Tier, SpeedEstimate>>
  /** Holders that one request weighs. Beyond some dozens no further one is nearer or less loaded, and a popular model has hundreds. */
  readonly routeHoldersMax: number
  readonly elsewhere: ElsewhereOptions
  readonly zoneDemand: ZoneDemandOptions
  readonly placement: PlacementViewBuilderOptions
}

export const defaultClusterViewOptions: ClusterViewOptions = {
  tiers: tierTable,
  routeHoldersMax: 48,
  elsewhere: defaultElsewhereOptions,
  zoneDemand: defaultZoneDemandOptions,
  placement: defaultPlacementViewBuilderOptions,
}

/** Another node that has the model complete. */
export interface HolderView {
  readonly node: NodeId
  readonly tier: Tier
  readonly sizeBytes: number
  /** To be avoided now: suspected by somebody, or caught with a wrong chunk. */
  readonly suspected: boolean
  readonly draining: boolean
  readonly rttMs: number
  readonly queueMs: number
  readonly sameZone: boolean
  readonly bulkAddress: string
  readonly httpUrl: string
}

/** What the daemon knows of a request that has to be routed. */
export interface RouteRequest {
  readonly model: RouteModel
  readonly self: Omit<RouteSelf, 'node'>
  readonly context: RequestContext
  /** Nodes that have already refused or failed this request. */
  readonly excluded: readonly NodeId[]
  /** False for a request that was forwarded to this node. */
  readonly mayForward: boolean
  readonly originAllowed: boolean
  /** By node: expected execution of requests that are on their way there. */
  readonly sentMs: ReadonlyMap<NodeId, number>
}

export interface MemberView {
  readonly node: NodeId
  readonly isSelf: boolean
  readonly connected: boolean
  readonly state: StateBody | null
  readonly epoch: number
  readonly sequence: number
  readonly residency: ResidencyBody | null
  readonly suspected: boolean
  readonly suspectedBy: readonly NodeId[]
  readonly distrusted: boolean
  /** Since its last entry came in. */
  readonly ageMs: number
  readonly rttMs: number | null
}

export interface ClusterViewPorts {
  readonly self: NodeId
  readonly interner: Interner
  readonly facts: NodeFacts
  readonly ledger: Ledger
  readonly membership: Membership
  readonly sourceStats: SourceStats
  readonly demand: RateDemand
}

const isMeasured = { isMeasured: true }

export class ClusterView {
  /** What placement decides about. */
  readonly placement: PlacementViewBuilder
  private readonly ports: ClusterViewPorts
  private readonly options: ClusterViewOptions
  private readonly selfIndex: number
  private state: StateBody | null = null
  private zoneChanges = 0
  private readonly tierByModel = new Map<ModelId, ResidentModel>()

  constructor(ports: ClusterViewPorts, options: ClusterViewOptions = defaultClusterViewOptions) {
    this.ports = ports
    this.options = options
    this.selfIndex = ports.interner.index(ports.self)
    const { ledger, interner, facts, sourceStats, demand } = ports
    const common = {
      ledger,
      interner,
      selfIndex: this.selfIndex,
      hashOf: (index: number) => interner.hash(index),
      isAvoided: (index: number, nowMs: number) => this.isAvoided(index, nowMs),
      isSameZone: (index: number) => this.isSameZone(index),
      speedOf: (index: number) => this.speed(index),
      revision: () => this.zoneChanges + ledger.revision + sourceStats.revision + ports.membership.revision,
    }
    this.placement = new PlacementViewBuilder(
      {
        ...common,
        demand,
        elsewhere: new RemoteCopies(
          { ...common, facts, sourceStats, disk: options.tiers[slowestTier] },
          options.elsewhere,
        ),
        zoneDemand: new ZoneDemand(common, options.zoneDemand),
        places: new ReplicaPlaces({ ...common, ownState: () => this.state }),
      },
      options.placement,
    )
  }

  /** The newest local facts: more recent than what was published. */
  localState(state: StateBody): void {
    if (state.zone !== this.state?.zone) this.zoneChanges += 1
    this.state = state
  }

  localResidency(models: readonly ResidentModel[]): void {
    this.tierByModel.clear()
    for (const resident of models) this.tierByModel.set(resident.model, resident)
  }

  get ownState(): StateBody | null {
    return this.state
  }

  ownResidency(model: ModelId): ResidentModel | null {
    return this.tierByModel.get(model) ?? null
  }

  holders(model: ModelId, nowMs: number): HolderView[] {
    const nodes = this.ports.ledger.nodesWith(model)
    return this.holderViews(nodes, placesOf(nodes), nowMs)
  }

  private holderViews({ holders, residents }: ModelNodes, places: readonly number[], nowMs: number): HolderView[] {
    const views: HolderView[] = []
    for (const place of places) {
      const index = holders[place]!
      const state = this.ports.ledger.get('state', index)?.body
      if (index === this.selfIndex || state === undefined) continue
      const { tier, sizeBytes } = residents[place]!
      views.push({
        node: this.ports.interner.id(index),
        tier,
        sizeBytes,
        suspected: this.isAvoided(index, nowMs),
        draining: state.draining,
        rttMs: this.latencyMs(index),
        queueMs: state.queueMs,
        sameZone: state.zone === this.state?.zone,
        bulkAddress: state.bulkAddress,
        httpUrl: state.httpUrl,
      })
    }
    return views
  }

  /** Every way to the model's bytes, for the cost model. Peers that are to be avoided are left out. */
  sources(model: ModelId, originAllowed: boolean, nowMs: number): SourceView[] {
    const nodes = this.ports.ledger.nodesWith(model)
    return this.sourceViews(model, nodes, placesOf(nodes), { originAllowed, nowMs })
  }

  private sourceViews(
    model: ModelId,
    { holders }: ModelNodes,
    places: readonly number[],
    { originAllowed, nowMs }: { readonly originAllowed: boolean; readonly nowMs: number },
  ): SourceView[] {
    const sources: SourceView[] = []
    const own = this.tierByModel.get(model)
    if (own !== undefined) sources.push(this.ownSource(own.tier))
    for (const place of places) {
      const peer = this.peerSource(holders[place]!, true, nowMs)
      if (peer === null) continue
      const { latencyMs, bandwidthBytesPerS } = this.withFlights(peer.key, peer)
      const measured = this.ports.sourceStats.isMeasured(peer.key, nowMs) ? isMeasured : {}
      sources.push({ source: 'peer', node: peer.key, latencyMs, bandwidthBytesPerS, ...measured })
    }
    if (originAllowed) {
      const measured = this.ports.sourceStats.isMeasured(originKey, nowMs) ? isMeasured : {}
      sources.push({ source: 'origin', ...this.withFlights(originKey, null), ...measured })
    }
    return sources
  }

  private ownSource(tier: Tier): SourceView {
    const { latencyMs, bandwidthBytesPerS } = this.options.tiers[tier]
    return { source: tier, latencyMs, bandwidthBytesPerS }
  }

  /** Requests that a source already has come before a new one. */
  private withFlights(key: string, peer: { rttMs: number | null; sameZone: boolean } | null): SpeedEstimate {
    const { latencyMs, bandwidthBytesPerS } = this.ports.sourceStats.estimate(key, peer)
    const waitMs = (this.ports.sourceStats.flightBytes(key) * 1000) / bandwidthBytesPerS
    return { latencyMs: latencyMs + waitMs, bandwidthBytesPerS }
  }

  routeView(request: RouteRequest, nowMs: number): RouteView {
    const { model, self, originAllowed } = request
    const nodes = this.ports.ledger.nodesWith(model.id)
    const places = this.placesToWeigh(nodes)
    // A model that is here is not fetched.
    const isFetchable = self.tier === null && self.runnable && self.draining !== true
    return {
      model,
      self: { ...self, node: this.ports.self },
      holders: this.routeHolders(nodes, places, request.sentMs, nowMs),
      sources: isFetchable ? this.sourceViews(model.id, nodes, places, { originAllowed, nowMs }) : [],
      context: request.context,
      mayForward: request.mayForward,
      excluded: request.excluded,
    }
  }

  private routeHolders(
    { holders, residents }: ModelNodes,
    places: readonly number[],
    sentMs: ReadonlyMap<NodeId, number>,
    nowMs: number,
  ): RouteHolder[] {
    const { ledger, interner, membership } = this.ports
    const views: RouteHolder[] = []
    for (const place of places) {
      const index = holders[place]!
      const mark = ledger.stateMark(index)
      if (index === this.selfIndex || mark === 0) continue
      const node = interner.id(index)
      const sent = sentMs.size === 0 ? undefined : sentMs.get(node)
      const holder = {
        node,
        tier: residents[place]!.tier,
        rttMs: this.latencyMs(index),
        queueMs: ledger.queueMs(index),
        suspected: this.isAvoided(index, nowMs),
        draining: (mark & isDraining) !== 0,
        sameZone: this.isSameZone(index),
        isRttGuessed: membership.rttMsOf(index) === null,
      }
      views.push(sent === undefined ? holder : { ...holder, sentMs: sent })
    }
    return views
  }

  /**
   * Of many holders some: those of this zone, then others, each beginning at a place of this node's own in the order of ids, so that
   * not all who ask weigh the same few.
   */
  private placesToWeigh(nodes: ModelNodes): readonly number[] {
    const { holders } = nodes
    const { routeHoldersMax } = this.options
    if (holders.length <= routeHoldersMax) return placesOf(nodes)
    const start = this.ports.interner.hash(this.selfIndex) % holders.length
    const [near, far]: [number[], number[]] = [[], []]
    for (let step = 0; step < holders.length && near.length < routeHoldersMax; step += 1) {
      const place = start + step < holders.length ? start + step : start + step - holders.length
      if (this.isSameZone(holders[place]!)) near.push(place)
      else if (far.length < routeHoldersMax) far.push(place)
    }
    for (const place of far) if (near.length < routeHoldersMax) near.push(place)
    return near
  }

  /** Other nodes that may be asked for chunks of the model now, in order of ids. */
  usablePeers(model: ModelId, nowMs: number): PeerSource[] {
    const peers: PeerSource[] = []
    const add = (index: number, complete: boolean): void => {
      const peer = this.peerSource(index, complete, nowMs)
      if (peer !== null) peers.push(peer)
    }
    const { holders, fetchers } = this.ports.ledger.nodesWith(model)
    for (const index of holders) add(index, true)
    // A node that says both has just finished.
    const known = fetchers.length === 0 ? null : new Set(holders)
    for (const index of fetchers) if (known?.has(index) === false) add(index, false)
    return peers
  }

  /** Null for this node itself, for one that sends no bytes, and for one that is to be avoided. */
  private peerSource(index: number, complete: boolean, nowMs: number): PeerSource | null {
    const { ledger, interner, membership } = this.ports
    if (index === this.selfIndex || (ledger.stateMark(index) & isSender) === 0) return null
    if (this.isAvoided(index, nowMs)) return null
    const [rttMs, sameZone] = [membership.rttMsOf(index), this.isSameZone(index)]
    return { key: interner.id(index), keyHash: interner.hash(index), rttMs, sameZone, complete }
  }

  /** Of this node's zone. */
  isNear(node: NodeId): boolean {
    return this.isSameZone(this.ports.interner.index(node))
  }

  /** Other nodes of this zone that fetch a model now, and are not to be avoided. */
  nearFetcherCount(nowMs: number): number {
    const { ledger } = this.ports
    return ledger.nodes().filter((index) => {
      if (index === this.selfIndex || !this.isSameZone(index) || this.isAvoided(index, nowMs)) return false
      return (ledger.get('residency', index)?.body.fetching ?? []).length > 0
    }).length
  }

  /** What a node says about itself; null when it is not known. */
  stateOf(node: NodeId): StateBody | null {
    return this.ports.ledger.get('state', this.ports.interner.index(node))?.body ?? null
  }

  members(nowMs: number): MemberView[] {
    const { ledger, membership, interner, sourceStats } = this.ports
    return ledger.nodes().map((index) => {
      const entry = ledger.get('state', index)
      const isSelf = index === this.selfIndex
      const node = interner.id(index)
      return {
        node,
        isSelf,
        connected: isSelf || membership.isConnected(index),
        state: isSelf ? this.state : (entry?.body ?? null),
        epoch: entry?.epoch ?? 0,
        sequence: entry?.sequence ?? 0,
        residency: ledger.get('residency', index)?.body ?? null,
        suspected: !isSelf && this.isAvoided(index, nowMs),
        suspectedBy: membership.suspectedBy(index),
        distrusted: sourceStats.isDistrusted(node, nowMs),
        ageMs: isSelf ? 0 : nowMs - ledger.receivedMs(index),
        rttMs: isSelf ? 0 : membership.rttMsOf(index),
      }
    })
  }

  /** Round trip and bandwidth to a node: measured where it was, a guess by zone where not. */
  private speed(index: number): SpeedEstimate {
    const peer = { rttMs: this.ports.membership.rttMsOf(index), sameZone: this.isSameZone(index) }
    return this.ports.sourceStats.estimate(this.ports.interner.id(index), peer)
  }

  /** The first half of the speed. */
  private latencyMs(index: number): number {
    const { membership, sourceStats, interner } = this.ports
    return sourceStats.latencyMs(interner.id(index), membership.rttMsOf(index), this.isSameZone(index))
  }

  private isSameZone(index: number): boolean {
    const zone = this.ports.ledger.zoneOf(index)
    return zone !== null && zone === this.state?.zone
  }

  isMember(node: NodeId, nowMs: number): boolean {
    const index = this.ports.interner.lookup(node)
    return index !== undefined && this.ports.ledger.get('state', index) !== null && !this.isAvoided(index, nowMs)
  }

  private isAvoided(index: number, nowMs: number): boolean {
    const node = this.ports.interner.id(index)
    return this.ports.membership.isSuspected(index, nowMs) || this.ports.sourceStats.isDistrusted(node, nowMs)
  }
}

function placesOf({ holders }: ModelNodes): readonly number[] {
  return holders.map((_, place) => place)
}
