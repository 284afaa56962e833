/**
 * What a node believes, as the decisions of placement/ want to see it: holders, sources, members, demand. Reads only.
 */
import type { DemandEstimator } from '../../placement/demand.ts'
import type { RouteModel, RouteSelf, RouteView } from '../../placement/route.ts'
import type { ModelId, NodeId, RequestContext, SourceView, Tier } from '../../placement/types.ts'
import type { PeerSource } from './choose-source.ts'
import { defaultElsewhereOptions, Elsewhere, type ElsewhereOptions } from './elsewhere.ts'
import type { ResidencyBody, ResidentModel, StateBody } from './events.ts'
import type { Interner } from './interner.ts'
import type { Ledger } from './ledger.ts'
import type { Membership } from './membership.ts'
import { defaultPlacementViewerOptions, PlacementViewer, type PlacementViewerOptions } from './placement-viewer.ts'
import { hashText } from './rendezvous.ts'
import { ReplicaPlaces } from './replica-places.ts'
import { originKey, type SourceBook, type SpeedEstimate } from './source-book.ts'
import { defaultZoneDemandOptions, ZoneDemand, type ZoneDemandOptions } from './zone-demand.ts'

export interface ClusterViewOptions {
  /** Speed of this node's own tiers: maps in place, maps in place, reads from a solid-state disk. */
  readonly tiers: Readonly<Record<Tier, SpeedEstimate>>
  readonly elsewhere: ElsewhereOptions
  readonly zoneDemand: ZoneDemandOptions
  readonly placement: PlacementViewerOptions
}

export const defaultClusterViewOptions: ClusterViewOptions = {
  tiers: {
    device: { latencyMs: 0, bandwidthBytesPerS: Number.POSITIVE_INFINITY },
    memory: { latencyMs: 0, bandwidthBytesPerS: Number.POSITIVE_INFINITY },
    disk: { latencyMs: 1, bandwidthBytesPerS: 1_000_000_000 },
  },
  elsewhere: defaultElsewhereOptions,
  zoneDemand: defaultZoneDemandOptions,
  placement: defaultPlacementViewerOptions,
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
  readonly ledger: Ledger
  readonly membership: Membership
  readonly book: SourceBook
  readonly demand: DemandEstimator
}

export class ClusterView {
  /** What placement decides about. */
  readonly placement: PlacementViewer
  private readonly ports: ClusterViewPorts
  private readonly options: ClusterViewOptions
  private readonly selfIndex: number
  private state: StateBody | null = null
  private readonly keyHashes = new Map<number, number>()
  private readonly tierByModel = new Map<ModelId, ResidentModel>()

  constructor(ports: ClusterViewPorts, options: ClusterViewOptions = defaultClusterViewOptions) {
    this.ports = ports
    this.options = options
    this.selfIndex = ports.interner.index(ports.self)
    const { ledger, interner, book, demand } = ports
    const common = {
      ledger,
      interner,
      selfIndex: this.selfIndex,
      hashOf: (index: number) => this.keyHash(index, interner.id(index)),
      isAvoided: (index: number, nowMs: number) => this.isAvoided(index, nowMs),
      isSameZone: (index: number) => this.isSameZone(index),
      speedOf: (index: number) => this.speed(index),
    }
    this.placement = new PlacementViewer(
      {
        ...common,
        demand,
        elsewhere: new Elsewhere({ ...common, book, disk: options.tiers.disk }, options.elsewhere),
        zoneDemand: new ZoneDemand(common, options.zoneDemand),
        places: new ReplicaPlaces({ ...common, ownState: () => this.state }),
      },
      options.placement,
    )
  }

  /** The newest local facts: more recent than what was published. */
  localState(state: StateBody): void {
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
    const holders: HolderView[] = []
    for (const { index, resident } of this.ports.ledger.holdersOf(model)) {
      const state = this.ports.ledger.get('state', index)?.body
      if (index === this.selfIndex || state === undefined) continue
      holders.push({
        node: this.ports.interner.id(index),
        tier: resident.tier,
        sizeBytes: resident.sizeBytes,
        suspected: this.isAvoided(index, nowMs),
        draining: state.draining,
        rttMs: this.speed(index).latencyMs,
        queueMs: state.queueMs,
        sameZone: this.isSameZone(index),
        bulkAddress: state.bulkAddress,
        httpUrl: state.httpUrl,
      })
    }
    return holders
  }

  /** Every way to the model's bytes, for the cost model. Peers that are to be avoided are left out. */
  sources(model: ModelId, originAllowed: boolean, nowMs: number): SourceView[] {
    const sources: SourceView[] = []
    const own = this.tierByModel.get(model)
    if (own !== undefined) sources.push({ source: own.tier, ...this.options.tiers[own.tier] })
    for (const peer of this.usablePeers(model, nowMs)) {
      if (!peer.complete) continue
      sources.push({ source: 'peer', node: peer.key, ...this.withFlights(peer.key, peer) })
    }
    if (originAllowed) sources.push({ source: 'origin', ...this.withFlights(originKey, null) })
    return sources
  }

  /** What is asked of a source already comes before what would be asked now. */
  private withFlights(key: string, peer: { rttMs: number | null; sameZone: boolean } | null): SpeedEstimate {
    const { latencyMs, bandwidthBytesPerS } = this.ports.book.estimate(key, peer)
    const waitMs = (this.ports.book.flightBytes(key) * 1000) / bandwidthBytesPerS
    return { latencyMs: latencyMs + waitMs, bandwidthBytesPerS }
  }

  routeView(request: RouteRequest, nowMs: number): RouteView {
    return {
      model: request.model,
      self: { ...request.self, node: this.ports.self },
      holders: this.holders(request.model.id, nowMs),
      sources: this.sources(request.model.id, request.originAllowed, nowMs),
      context: request.context,
      mayForward: request.mayForward,
      excluded: request.excluded,
    }
  }

  /** Other nodes that may be asked for chunks of the model now, in order of ids. */
  usablePeers(model: ModelId, nowMs: number): PeerSource[] {
    const { ledger, interner, membership } = this.ports
    const peers: PeerSource[] = []
    const add = (index: number, complete: boolean): void => {
      const state = ledger.get('state', index)?.body
      if (index === this.selfIndex || state === undefined || state.bulkAddress === '') return
      if (this.isAvoided(index, nowMs)) return
      const rttMs = membership.rttMsOf(index)
      const key = interner.id(index)
      peers.push({ key, keyHash: this.keyHash(index, key), rttMs, sameZone: this.isSameZone(index), complete })
    }
    const complete = ledger.holdersOf(model)
    for (const holder of complete) add(holder.index, true)
    // Whoever says both has just finished.
    const known = new Set(complete.map((holder) => holder.index))
    for (const index of ledger.fetchersOf(model)) if (!known.has(index)) add(index, false)
    return peers
  }

  /** What a node says about itself; null when it is not known. */
  stateOf(node: NodeId): StateBody | null {
    return this.ports.ledger.get('state', this.ports.interner.index(node))?.body ?? null
  }

  members(nowMs: number): MemberView[] {
    const { ledger, membership, interner, book } = this.ports
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
        distrusted: book.isDistrusted(node, nowMs),
        ageMs: isSelf ? 0 : nowMs - ledger.heardMs(index),
        rttMs: isSelf ? 0 : membership.rttMsOf(index),
      }
    })
  }

  /** Round trip and bandwidth to a node: measured where it was, a guess by zone where not. */
  private speed(index: number): SpeedEstimate {
    const peer = { rttMs: this.ports.membership.rttMsOf(index), sameZone: this.isSameZone(index) }
    return this.ports.book.estimate(this.ports.interner.id(index), peer)
  }

  private keyHash(index: number, key: string): number {
    const known = this.keyHashes.get(index)
    if (known !== undefined) return known
    const hash = hashText(key)
    this.keyHashes.set(index, hash)
    return hash
  }

  private isSameZone(index: number): boolean {
    const zone = this.ports.ledger.get('state', index)?.body.zone
    return zone !== undefined && zone === this.state?.zone
  }

  private isAvoided(index: number, nowMs: number): boolean {
    const node = this.ports.interner.id(index)
    return this.ports.membership.isSuspected(index, nowMs) || this.ports.book.isDistrusted(node, nowMs)
  }
}
