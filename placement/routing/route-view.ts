/** The input of a routing decision: the model, this node, and what is known of the others. */
import type { NodeId, RequestContext, SourceView, Tier } from '../../common/index.ts'

export interface RouteView {
  readonly model: RouteModel
  readonly self: RouteSelf
  /** Other nodes with the model, as gossip tells. */
  readonly holders: readonly RouteHolder[]
  /** Paths over which the bytes could come to this node. */
  readonly sources: readonly SourceView[]
  readonly context: RequestContext
  /** False for a request that has been forwarded to this node. */
  readonly mayForward: boolean
  /** Nodes that have already refused or failed this request. */
  readonly excluded: readonly NodeId[]
}

export interface RouteModel {
  readonly id: string
  readonly sizeBytes: number
  /** What the runtime needs to start the model once its bytes are in memory. */
  readonly initMs: number
  /** Expected execution time, the same everywhere; it matters for deadlines. */
  readonly executeMs?: number
  /** The part of both that is certain enough to refuse a request. Absent: nothing is known. */
  readonly sure?: SureTimes
}

/** The least that was measured lately, more than once; 0 stands for what was not. */
export interface SureTimes {
  readonly initMs: number
  readonly executeMs: number
}

export interface RouteSelf {
  readonly node: NodeId
  /** The fastest tier here in which all bytes lie; null when they are not here. */
  readonly tier: Tier | null
  readonly queueMs: number
  /** The part of it that is certain. Absent: none. */
  readonly sureQueueMs?: number
  readonly diskBandwidthBytesPerS: number
  /** False when this node could not run the model even if it had it (no runtime, too little memory). */
  readonly runnable: boolean
  /** A draining node serves what it has and fetches nothing new. */
  readonly draining?: boolean
  /** Bytes still to come of a fetch of this model that is under way here; absent when there is none. */
  readonly missingBytes?: number
  /** It is being brought or started here now, so that a part of that is done. Absent: false. */
  readonly isComing?: boolean
}

export interface RouteHolder {
  readonly node: NodeId
  readonly tier: Tier
  readonly rttMs: number
  /** The round trip was never measured. Absent: false. */
  readonly isRttGuessed?: boolean
  readonly queueMs: number
  /**
   * Expected execution of requests that this node has sent there and that are not answered yet: the queue that the holder gossips is
   * seconds old, and a burst of this node would not see itself. Absent: none.
   */
  readonly sentMs?: number
  readonly suspected: boolean
  /** It did not answer this node in its usual time, and not since. Absent: false. */
  readonly silent?: boolean
  readonly draining: boolean
  readonly sameZone: boolean
}
