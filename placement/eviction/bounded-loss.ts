/**
 * Keeps a plan by value per byte from losing far more than it has to.
 *
 * Per byte is the right order over many loads: what is freed beyond the need is room for the next one. But once in a while the
 * greedy set ends in a model that is cheap per byte and very large, where a small one would have done. When the plan is worth more
 * than `lossFactorMax` times the cheapest set that frees enough, models that alone are worth more than that are left out, and the
 * rest is taken by value per byte again; if that still loses too much, the cheapest set itself goes. So what is lost is bounded,
 * and as much as the bound allows stays by value per byte.
 *
 * Always the cheapest set was tried: replays of functions waited 5 to 8 % longer. With the bound at 2 it is less than 1 %.
 */
import { compareIds } from '../cost/cost.ts'
import { spareNeedless } from './heap-plan.ts'
import { leastCover } from './least-cover.ts'
import type { EvictionPlan, EvictionRequest, Victim } from './types.ts'

export interface BoundedLossOptions {
  /** What victims may be worth, as a multiple of the cheapest set. At 1.5 replays waited 0.5 % longer, without a bound hardly less. */
  readonly lossFactorMax: number
  /** Steps of the exact search. Beyond a thousand replays do not change; together they take less than a load's first millisecond. */
  readonly searchStepsMax: number
}

export const defaultBoundedLossOptions: BoundedLossOptions = { lossFactorMax: 2, searchStepsMax: 1000 }

/**
 * @param greedy victims by rising score until enough is freed, none spared.
 * @param candidates all that may be evicted, in any order; asked for only when the plan may lose too much.
 */
export function boundLoss(
  greedy: EvictionPlan,
  request: EvictionRequest,
  candidates: () => Victim[],
  { lossFactorMax, searchStepsMax }: BoundedLossOptions,
): EvictionPlan {
  const { neededBytes } = request
  const plan = spareNeedless(greedy, neededBytes)
  const worth = worthOf(plan.victims)
  // Sums of infinite worth say nothing: then no set is cheaper.
  if (!plan.enough || worth === Number.POSITIVE_INFINITY) return plan
  if (worth <= lossFactorMax * leastPossible(greedy, neededBytes)) return plan
  const items = candidates()
    .map((victim) => ({ victim, sizeBytes: victim.sizeBytes, worth: victim.score * victim.sizeBytes }))
    .sort(({ victim: left }, { victim: right }) => left.score - right.score || compareIds(left.model, right.model))
  const cover = leastCover(items, { neededBytes, below: worth / lossFactorMax, stepsMax: searchStepsMax })
  if (cover === null) return plan
  const worthMax = lossFactorMax * cover.worth
  const modest = items.filter((item) => item.worth <= worthMax).map(({ victim }) => victim)
  const second = spareNeedless(takeUntilEnough(modest, neededBytes), neededBytes)
  if (second.enough && worthOf(second.victims) <= worthMax) return second
  return planOf(
    cover.places.map((place) => items[place]!.victim),
    neededBytes,
  )
}

/** If the last victim could be taken in part, it would be this. */
function leastPossible({ victims, freedBytes }: EvictionPlan, neededBytes: number): number {
  const last = victims.at(-1)
  return last === undefined ? 0 : worthOf(victims) - last.score * (freedBytes - neededBytes)
}

function takeUntilEnough(victims: readonly Victim[], neededBytes: number): EvictionPlan {
  let freedBytes = 0
  let count = 0
  while (count < victims.length && freedBytes < neededBytes) freedBytes += victims[count++]!.sizeBytes
  return planOf(victims.slice(0, count), neededBytes)
}

function planOf(victims: readonly Victim[], neededBytes: number): EvictionPlan {
  const freedBytes = victims.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { victims, freedBytes, enough: freedBytes >= neededBytes }
}

function worthOf(victims: readonly Victim[]): number {
  return victims.reduce((sum, { score, sizeBytes }) => sum + score * sizeBytes, 0)
}
