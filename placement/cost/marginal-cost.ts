/**
 * What is lost when this node gives up its copy of a model, given what others have of it.
 *
 *   miss cost = min over the ways that remain of
 *     own disk     read + init
 *     peer         latency + bytes / bandwidth + init
 *     origin       latency + bytes / bandwidth + init
 *     forward      round trip + queue at a node that has it (and its disk and init, when it lies on disk there)
 *
 * A replica next door makes a copy cheap, and two nodes that each count on the other's replica would both drop theirs. So of all nodes
 * with a copy one is its primary holder, the first by rendezvous hash of model and node, which all of them know without a word: it counts
 * its copy as the last one, although others have one now. The last copy costs a fetch from the origin, and not only here: the next node that asks
 * anywhere next pays for it, so the demand of the others is lost too. The primary holder of a zone answers for its zone in the same way.
 */
export interface CopiesView {
  /** Nodes, this one not counted, that hold it complete and may be used. */
  readonly copyCount: number
  /** Nodes that have announced to be fetching it. */
  readonly arrivingCount: number
  /** From the one that would deliver it soonest; Infinity without one. */
  readonly transferMs: number
  /** Round trip and queue of the best one that has it in memory; Infinity without one. */
  readonly memoryForwardMs: number
  /** The same of the best one that has it on disk, with what it takes to bring it to memory there. */
  readonly diskForwardMs: number
}

/** What the cluster has of a model without this node's copy. */
export interface ElsewhereView {
  /** In this node's zone. */
  readonly near: CopiesView
  /** In the other zones. */
  readonly far: CopiesView
  /** Transfer from the origin; Infinity when it has none or is not to be asked. */
  readonly originMs: number
  /** First by rendezvous hash of all who have a copy, this node counted as one of them. */
  readonly isPrimaryHolder: boolean
  /** The same of those in this zone. */
  readonly isZonePrimary: boolean
  /** The same of those that have it in memory. */
  readonly isMemoryPrimary: boolean
}

export interface CopyView {
  readonly initMs: number
  /** Reading it from this node's disk; null when the copy that goes is all that this node has. */
  readonly diskMs: number | null
  /** False for models that are opened here by programs: what another node has in memory does not help them. */
  readonly mayForward: boolean
  readonly elsewhere: ElsewhereView
}

export interface OthersDemand {
  /** Requests per second that arrive at other nodes, those not counted that are sent on to this one. */
  readonly othersRatePerS: number
  /** Of these, in this zone. */
  readonly zoneRatePerS: number
}

export type CopyRole =
  /** This node keeps it on disk. */
  | 'on-disk'
  /** Nobody else has it. */
  | 'last-copy'
  /** Others have it, and this node answers for the last copy. */
  | 'primary-holder'
  /** Another node of the zone has it. */
  | 'replica-near'
  /** A node of another zone has it. */
  | 'replica-far'

/** How requests could still be answered: by sending each on, or by bringing the bytes here once. */
export interface Ways {
  readonly forwardMs: number
  /** With init. */
  readonly fetchMs: number
}

export const noCopies: CopiesView = {
  copyCount: 0,
  arrivingCount: 0,
  transferMs: Number.POSITIVE_INFINITY,
  memoryForwardMs: Number.POSITIVE_INFINITY,
  diskForwardMs: Number.POSITIVE_INFINITY,
}

export function roleOf({ diskMs, elsewhere }: Pick<CopyView, 'diskMs' | 'elsewhere'>): CopyRole {
  if (diskMs !== null) return 'on-disk'
  if (elsewhere.near.copyCount + elsewhere.far.copyCount === 0) return 'last-copy'
  if (elsewhere.isPrimaryHolder) return 'primary-holder'
  return elsewhere.near.copyCount > 0 ? 'replica-near' : 'replica-far'
}

/** What remains when this node gives its copy up. */
export function waysWithout({ initMs, diskMs, mayForward, elsewhere }: CopyView): Ways {
  const { near, far, originMs, isPrimaryHolder, isMemoryPrimary } = elsewhere
  if (diskMs === null && isPrimaryHolder) return { forwardMs: Number.POSITIVE_INFINITY, fetchMs: originMs + initMs }
  const memoryMs = isMemoryPrimary ? Number.POSITIVE_INFINITY : Math.min(near.memoryForwardMs, far.memoryForwardMs)
  return {
    forwardMs: mayForward ? Math.min(memoryMs, near.diskForwardMs, far.diskForwardMs) : Number.POSITIVE_INFINITY,
    fetchMs: Math.min(diskMs ?? Number.POSITIVE_INFINITY, near.transferMs, far.transferMs, originMs) + initMs,
  }
}

/** What a request would wait after this copy is gone, for the eviction policies. Infinity: it could not be answered. */
export function marginalCostMs(copy: CopyView): number {
  const { forwardMs, fetchMs } = waysWithout(copy)
  return Math.min(forwardMs, fetchMs)
}

/** What other nodes would wait more, per second, after this copy is gone. */
export function othersLossMsPerS(
  { initMs, diskMs, elsewhere }: CopyView,
  { othersRatePerS, zoneRatePerS }: OthersDemand,
): number {
  const { far, originMs, isPrimaryHolder, isZonePrimary } = elsewhere
  if (diskMs !== null) return 0
  if (isPrimaryHolder) return othersRatePerS === 0 ? 0 : othersRatePerS * (originMs + initMs)
  if (!isZonePrimary || zoneRatePerS === 0) return 0
  const farMs = Math.min(far.memoryForwardMs, far.diskForwardMs, Math.min(far.transferMs, originMs) + initMs)
  // Without any way from farther away the replicas are all that the zone has, and the primary holder of all answers for them.
  return Number.isFinite(farMs) ? zoneRatePerS * farMs : 0
}
