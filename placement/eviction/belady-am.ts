/**
 * BeladyAM, the oracle for models, which differ in size and in what it takes to load them: evict the model with the least
 *
 *   utility = (1 / d) x cost / bytes       d: requests until its next one; utility 0 when there is none
 *
 * Source: "Many Models at the Edge: Scaling Deep Inference via Model-Level Caching". Ties go by id.
 *
 * As its next request comes nearer a model's utility rises by itself, which the heap allows; a request lowers it.
 */
import type { ModelId } from '../types.ts'
import { FutureTracker, type FutureView } from './future-view.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

interface Entry extends RankedEntry {
  nextIndex: number
}

export class BeladyAmPolicy extends RankedPolicy<Entry> {
  readonly name = 'belady-am'
  private readonly tracker: FutureTracker

  constructor(future: FutureView) {
    super()
    this.tracker = new FutureTracker(future)
  }

  onRequest(model: ModelId, nowMs: number): void {
    const nextIndex = this.tracker.onRequest(model)
    const entry = this.entries.get(model)
    if (entry === undefined) return
    entry.nextIndex = nextIndex
    this.moved(entry, nowMs)
  }

  protected createEntry(item: CacheItem): Entry {
    return { ...rankedEntry(item), nextIndex: this.tracker.nextOf(item.model) }
  }

  protected keyOf({ nextIndex, missCostMs, sizeBytes }: Entry): number {
    const distance = nextIndex - this.tracker.nowIndex
    return distance === Number.POSITIVE_INFINITY ? 0 : ((1 / distance) * missCostMs) / Math.max(1, sizeBytes)
  }

  protected reasonOf() {
    return 'least-value' as const
  }

  protected partsOf({ nextIndex, missCostMs, sizeBytes }: Entry) {
    return { requestsAhead: nextIndex - this.tracker.nowIndex, missCostMs, sizeBytes }
  }
}
