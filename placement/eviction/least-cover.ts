/**
 * The cheapest set of items that frees enough: a knapsack cover, found by branch and bound.
 *
 * Items come by rising worth per byte. Each is first taken, then left out; a branch is cut when even fractions of the items that
 * follow would cost as much as the best set so far. A dozen items take some tens of steps, hundreds usually a few thousand; after
 * `stepsMax` the best set so far is the answer, which is then an upper bound.
 */
export interface CoverItem {
  readonly sizeBytes: number
  readonly worth: number
}

export interface CoverOptions {
  readonly neededBytes: number
  /** Only a set that is worth less is of interest. */
  readonly below: number
  readonly stepsMax: number
}

export interface Cover {
  /** Places of the items taken, rising. */
  readonly places: readonly number[]
  readonly worth: number
}

export function leastCover(items: readonly CoverItem[], { neededBytes, below, stepsMax }: CoverOptions): Cover | null {
  let best: Cover | null = null
  let limit = below
  let stepCount = 0
  const taken: number[] = []
  const search = (place: number, missingBytes: number, worth: number): void => {
    if (missingBytes <= 0) {
      if (worth >= limit) return
      limit = worth
      best = { places: [...taken], worth }
      return
    }
    stepCount += 1
    if (stepCount > stepsMax || worth + fractionalWorth(items, place, missingBytes, limit) >= limit) return
    const item = items[place]!
    taken.push(place)
    search(place + 1, missingBytes - item.sizeBytes, worth + item.worth)
    taken.pop()
    search(place + 1, missingBytes, worth)
  }
  search(0, neededBytes, 0)
  return best
}

/** What the missing bytes cost at least; Infinity when there are too few items, or when that is beyond the limit. */
function fractionalWorth(items: readonly CoverItem[], from: number, missingBytes: number, limit: number): number {
  let worth = 0
  let missing = missingBytes
  for (let place = from; place < items.length && worth < limit; place++) {
    const item = items[place]!
    if (item.sizeBytes >= missing) return worth + (item.worth * missing) / item.sizeBytes
    worth += item.worth
    missing -= item.sizeBytes
  }
  return Number.POSITIVE_INFINITY
}
