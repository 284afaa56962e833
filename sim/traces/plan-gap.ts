/**
 * How far a plan is from the best one: the value that its victims have, against the least value of any set that frees enough,
 * found by trying all sets of at most twelve models. A plan by value per byte is not meant to be that set, because what it frees
 * beyond the need is room for the next load; the gap says what this costs now, and placement/eviction/bounded-loss.ts bounds it.
 */

import { assertInvariant, type Prng } from '../../common/index.ts'
import { createEvictionPolicy } from '../../placement/index.ts'
import { drawModel } from './workload.ts'

export interface WorthItem {
  readonly sizeBytes: number
  readonly worth: number
}

const itemsMax = 12

export function leastWorth(items: readonly WorthItem[], neededBytes: number): number {
  assertInvariant(items.length <= itemsMax, `an exact search takes ${itemsMax} models at most, not ${items.length}`)
  let best = Number.POSITIVE_INFINITY
  for (let set = 0; set < 2 ** items.length; set++) {
    let [bytes, worth] = [0, 0]
    items.forEach((item, place) => {
      if ((set & (1 << place)) === 0) return
      bytes += item.sizeBytes
      worth += item.worth
    })
    if (bytes >= neededBytes && worth < best) best = worth
  }
  return best
}

/** One random memory of twelve models with random histories: (worth of holdfast's victims - least worth) / least worth. */
export function drawPlanGap(prng: Prng): number {
  const policy = createEvictionPolicy('holdfast')
  const models = Array.from({ length: itemsMax }, (_, index) => drawModel(`m${index}`, prng))
  for (const { name, sizeBytes, loadMs } of models) policy.onInsert({ model: name, sizeBytes, missCostMs: loadMs }, 0)
  const nowMs = 3_600_000
  for (const time of Array.from({ length: 200 }, () => prng.float()).sort((left, right) => left - right)) {
    policy.onRequest(models[prng.int(1 + prng.int(itemsMax))]!.name, time * nowMs)
  }
  const items = models.map(({ name, sizeBytes }) => ({
    sizeBytes,
    worth: policy.score(name, nowMs)!.score * sizeBytes,
  }))
  const neededBytes = models[prng.int(itemsMax)]!.sizeBytes
  const { victims } = policy.planEviction({ neededBytes, nowMs, mayEvict: () => true })
  const worth = victims.reduce((sum, { score, sizeBytes }) => sum + score * sizeBytes, 0)
  return worth / leastWorth(items, neededBytes) - 1
}
