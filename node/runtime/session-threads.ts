/**
 * How many threads of its own a session gets in its worker. One that computes on the worker's thread alone has none; a pool pays off
 * for large models only, and pools of many sessions would crowd the cores.
 */

export interface ThreadBudget {
  /** Threads that a session would have if it were alone, the worker's own among them. */
  readonly wanted: number
  /** Threads that all pools of the worker may have together. */
  readonly poolThreadsMax: number
}

/** Below this a model's work is over before other threads have woken. */
const pooledModelBytesMin = 1024 * 1024

/** @param poolThreads that the other sessions of the worker have. */
export function intraOpThreadsFor(modelBytes: number, poolThreads: number, budget: ThreadBudget): number {
  if (modelBytes < pooledModelBytesMin) return 1
  return Math.max(1, Math.min(budget.wanted, 1 + budget.poolThreadsMax - poolThreads))
}
