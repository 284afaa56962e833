/**
 * A plan from a heap: least entries first, those that may not be evicted passed over, until enough is freed. What was taken
 * from the heap goes back, so planning leaves it as it was. In the common case, where the least model is enough, nothing is
 * taken at all.
 */
import { assertInvariant } from '../../common/index.ts'
import type { HeapEntry, LazyHeap } from './lazy-heap.ts'
import type { EvictionPlan, EvictionReason, EvictionRequest, Victim } from './types.ts'

export interface PlannedEntry extends HeapEntry {
  readonly sizeBytes: number
}

/** What a policy says of a model that it gives up. The entry is up to date when it is asked. */
export interface Verdict {
  readonly score: number
  readonly reason: EvictionReason
}

export function planFromHeap<E extends PlannedEntry>(
  heap: LazyHeap<E>,
  request: EvictionRequest,
  judge: (entry: E, nowMs: number) => Verdict,
): EvictionPlan {
  const { neededBytes, nowMs } = request
  const victims: Victim[] = []
  const taken: E[] = []
  let freedBytes = 0
  while (freedBytes < neededBytes) {
    const entry = heap.min(nowMs)
    if (entry === undefined) break
    if (request.mayEvict(entry.model)) {
      const { score, reason } = judge(entry, nowMs)
      victims.push({ model: entry.model, sizeBytes: entry.sizeBytes, score, reason })
      freedBytes += entry.sizeBytes
      if (freedBytes >= neededBytes) break
    }
    heap.remove(entry)
    taken.push(entry)
  }
  for (const entry of taken) heap.push(entry)
  return { victims, freedBytes, enough: freedBytes >= neededBytes }
}

/**
 * Keeps victims that turned out not to be needed: many small models may have been chosen before a large one that is enough
 * alone. The most valuable are kept first. The last victim stays, since without it there was not enough.
 */
export function spareNeedless(plan: EvictionPlan, neededBytes: number): EvictionPlan {
  if (!plan.enough || plan.victims.length < 2) return plan
  let freedBytes = plan.freedBytes
  const victims: Victim[] = []
  for (const victim of plan.victims.toReversed()) {
    if (victims.length > 0 && freedBytes - victim.sizeBytes >= neededBytes) freedBytes -= victim.sizeBytes
    else victims.push(victim)
  }
  return { victims: victims.reverse(), freedBytes, enough: true }
}

/** A cost that is not a number would silently unsort the heap. */
export function assertCost(missCostMs: number): void {
  assertInvariant(missCostMs >= 0, `a miss costs 0 to Infinity milliseconds, not ${missCostMs}`)
}
