/**
 * The one interface of all eviction policies. A policy is told what happens to the models of one tier of one node and answers,
 * when room is needed, which models should go and why. It removes nothing itself: the caller carries the plan out and reports
 * each removal with `onRemove`, so that policy and tier cannot disagree for long.
 *
 * Every policy must
 * - plan enough whenever the models that may be evicted add up to enough, and never name one that may not;
 * - leave its decisions unchanged by planning: two plans in a row for one request are equal;
 * - end every tie in the order of requests or in a model id, never in insertion luck of a data structure;
 * - take a request in logarithmic amortized time, and a plan in at most linear: replays of traces run at about a million requests
 *   per second on one core.
 */
import type { EvictionPolicyName, ModelId } from '../../common/index.ts'

/** Bounds to compare with: they must be told the future, which only a replay can. */
export const oraclePolicyNames = ['belady', 'belady-am'] as const
export type OraclePolicyName = (typeof oraclePolicyNames)[number]

export type AnyPolicyName = EvictionPolicyName | OraclePolicyName

export interface EvictionPolicy {
  readonly name: AnyPolicyName
  /** A request for a model: hit or miss, resident or not. Comes before the onInsert that a miss leads to. */
  onRequest(model: ModelId, nowMs: number): void
  /** The model became resident. For one that is: its size or cost is now this; what is known of its requests stays. */
  onInsert(item: CacheItem, nowMs: number): void
  /** The model is no longer resident. A model that is not resident is ignored. */
  onRemove(model: ModelId, nowMs: number, cause?: RemovalCause): void
  /**
   * What a miss of this model would cost has changed: a peer took it up or dropped it. A model that is not resident is ignored.
   * `othersLossMsPerS` as in CacheItem; left out, it is nothing.
   */
  updateCost(model: ModelId, missCostMs: number, othersLossMsPerS?: number): void
  /** What to evict. Changes nothing that a later answer depends on. */
  planEviction(request: EvictionRequest): EvictionPlan
  /** How much the policy wants to keep a resident model, and why; null for one that is not resident. For `holdfast plan`. */
  score(model: ModelId, nowMs: number): ScoreParts | null
  /** How soon the model is expected to be asked for here again, as a rate, resident or not. Only policies that predict have it. */
  expectedRatePerS?(model: ModelId, nowMs: number): number
  /** Recomputes what is kept incrementally and throws when they differ. Linear; for tests and the ends of simulated runs. */
  checkInvariants(): void
}

export interface CacheItem {
  readonly model: ModelId
  readonly sizeBytes: number
  /** What the next miss of this model would cost here, in milliseconds; Infinity when it could not be had again. */
  readonly missCostMs: number
  /**
   * What other nodes would wait longer without this copy, in milliseconds per second, beyond the requests that come here: the last
   * copy of the cluster serves all of it. A term of its own, since here the model may not be wanted at all. Absent: nothing.
   */
  readonly othersLossMsPerS?: number
}

/** 'evicted' to make room (the default); 'dropped' for any other cause: unloaded by an operator, replaced, lost. */
export type RemovalCause = 'evicted' | 'dropped'

export interface EvictionRequest {
  readonly neededBytes: number
  readonly nowMs: number
  /** False for a model that is leased, has queued work or is pinned. */
  mayEvict(model: ModelId): boolean
}

export interface EvictionPlan {
  /** In the order in which they should go. */
  readonly victims: readonly Victim[]
  readonly freedBytes: number
  /** False when all models that may be evicted together are too small: then the victims are all of them, to be reported, not evicted. */
  readonly enough: boolean
}

export interface Victim {
  readonly model: ModelId
  readonly sizeBytes: number
  readonly score: number
  readonly reason: EvictionReason
}

export type EvictionReason =
  /** Longest without a request. */
  | 'least-recent'
  /** Least frequency x cost / bytes since it was loaded, aged. */
  | 'least-priority'
  /** Least demand x cost / bytes. */
  | 'least-value'
  /** Loaded longest ago. */
  | 'first-loaded'
  /** Fewest requests since it was loaded. */
  | 'least-frequent'
  /** Loaded again soonest. */
  | 'cheapest-load'
  /** Not asked for since the hand last passed. */
  | 'not-visited'
  /** Idle for longer than nearly ever between two requests. */
  | 'window-closed'
  /** Asked for again last of all; an oracle knows. */
  | 'farthest-request'
  /** Drawn. */
  | 'chance'
  /** Silent for longer than the estimator can tell apart: mostly cost / bytes speak for it. */
  | 'no-demand'

export interface ScoreParts {
  /** Of two models the one with the lower score goes first. Comparable within one policy and one moment only. */
  readonly score: number
  /** What the score is made of; each name carries its unit. */
  readonly parts: Readonly<Record<string, number>>
}
