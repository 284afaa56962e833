/** What a node sees when it decides which models to have, and what it decides. Plain data: the node and the simulator build it. */

import type { LocalTier, ModelId, NodeId, TierBytes } from '../../common/index.ts'
import type { CopyRole, ElsewhereView } from '../cost/marginal-cost.ts'

export interface PlacementView {
  /** A node that is about to stop moves nothing. */
  readonly isDraining: boolean
  /** The tiers of this node, each once. */
  readonly rooms: readonly TierView[]
  /** Models that are here. */
  readonly held: readonly HeldModel[]
  /** Models that are not in the fastest tier here and that somebody may want. */
  readonly candidates: readonly CandidateModel[]
  /** Models that the cluster keeps on several nodes. */
  readonly pins: readonly PinnedModel[]
}

export interface TierView {
  readonly tier: LocalTier
  readonly limitBytes: number
  readonly freeBytes: number
  /** Eviction order, first victim first, without models in use or pinned. May be computed when first read. */
  readonly order: readonly ModelId[]
}

/** Requests per second. */
export interface DemandView {
  /** That arrive first at this node. */
  readonly ratePerS: number
  /** One over the time until the next one here, as the eviction policy predicts it; null when it does not. */
  readonly soonRatePerS: number | null
  /** That arrive at other nodes of the zone. */
  readonly zoneRatePerS: number
  /** That arrive at all other nodes and are not sent on to this one; 0 where only the primary holder needs to know. */
  readonly othersRatePerS: number
}

export interface HeldModel extends DemandView {
  readonly model: ModelId
  /** What it occupies in each tier. */
  readonly bytes: TierBytes
  readonly initMs: number
  /** Reading it from this node's disk; null when it is not there. */
  readonly diskMs: number | null
  readonly mayForward: boolean
  readonly isInUse: boolean
  /** By an operator of this node. */
  readonly isPinned: boolean
  readonly elsewhere: ElsewhereView
  /** Since it came to this tier. */
  readonly heldForMs: number
}

export interface CandidateModel extends DemandView {
  readonly model: ModelId
  /** What it will take in each tier: 0 where it is already. */
  readonly bytes: TierBytes
  readonly initMs: number
  /** Reading it from this node's disk; null when it is not there. */
  readonly diskMs: number | null
  readonly mayForward: boolean
  readonly elsewhere: ElsewhereView
  /** It is on its way here already. */
  readonly isArriving: boolean
  /** Since it left this node; Infinity when that is long ago. */
  readonly goneForMs: number
  /** A held model whose name means this one now, and whose demand it takes over. */
  readonly replaces: ModelId | null
  /** Nodes of the zone that come before this one in making a copy. */
  readonly turn: number
  /** Rounds in which this copy was worth it and it was another node's turn. */
  readonly waitedRounds: number
}

export interface PinnedModel {
  readonly name: string
  readonly replicaCount: number
  readonly tier: LocalTier
  /** What the name means; null while that is not known here. */
  readonly model: ModelId | null
  /** Bytes that it would take here; null while that is not known. */
  readonly sizeBytes: number | null
  /** This node is one of those that keep it. */
  readonly isMine: boolean
  /** The nodes that are to keep it, best first. */
  readonly places: readonly NodeId[]
  readonly isHeld: boolean
  /** It is on its way here. */
  readonly isArriving: boolean
  /** Usable nodes among those that keep it which have it already. */
  readonly keptCount: number
}

export type PlacementKind = 'copy' | 'prefetch' | 'keep' | 'shed' | 'leave'

export type PlacementReason =
  /** copy: an operator wants so many, this node is one of them and lacks it. */
  | 'replica-missing'
  /** copy: what requests here save exceeds what the copy costs and displaces. */
  | 'wanted-here'
  /** copy, prefetch: no node of the zone has it, and it is this one's turn. */
  | 'wanted-in-zone'
  /** prefetch: it is expected to be asked for here. */
  | 'wanted-soon'
  /** prefetch: a name that is wanted here has moved to it. */
  | 'new-revision'
  /** keep: an operator pinned it on this node. */
  | 'pinned'
  /** keep: an operator wants so many, and this node is one of them. */
  | 'replica'
  /** keep: the nodes that are to keep it do not have it yet. */
  | 'replica-until-taken'
  /** keep: leases, running or queued requests. */
  | 'in-use'
  /** keep: it came a moment ago. */
  | 'settling'
  /** keep: in the role that it has; its value decides when room is needed. */
  | CopyRole
  /** shed: others have it, nobody asks here, and the tier is nearly full. */
  | 'unwanted-replica'
  /** leave: nobody has said yet what the pinned name means. */
  | 'unresolved'
  /** leave: it is on its way here. */
  | 'arriving'
  /** leave: it went a moment ago, and making it again would go round in circles. */
  | 'settling-gone'
  /** leave: it would save less than it costs. */
  | 'too-dear'
  /** leave: it would save less than what it displaces is worth, by the margin. */
  | 'displaces-better'
  /** leave: what may go does not make enough room. */
  | 'no-room'
  /** leave: it is worth it, and another node of the zone comes first. */
  | 'not-my-turn'
  /** leave: enough was begun in this round. */
  | 'next-round'
  /** leave: the node is about to stop. */
  | 'draining'

export interface PlacementDecision {
  readonly kind: PlacementKind
  readonly model: ModelId | null
  /** Of a pin that could not be resolved, or that the decision follows. */
  readonly name?: string
  readonly tier: LocalTier
  readonly reason: PlacementReason
  /** What would be evicted for it. */
  readonly displaces: readonly ModelId[]
  /** What the decision is made of; each name carries its unit. */
  readonly parts: Readonly<Record<string, number>>
}
