/**
 * Belady's oracle: evict the model whose next request lies farthest ahead; one that is never asked for again before all others.
 * No policy misses less often when all models have one size: the bound of every plot, and no policy for a node.
 * Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966.
 *
 * Two models cannot have the same next request; among those that have none the id decides.
 */
import type { ModelId } from '../types.ts'
import { FutureTracker, type FutureView } from './future-view.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

interface Entry extends RankedEntry {
  nextIndex: number
}

export class BeladyPolicy extends RankedPolicy<Entry> {
  readonly name = 'belady'
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

  protected keyOf({ nextIndex }: Entry): number {
    return -nextIndex
  }

  protected reasonOf() {
    return 'farthest-request' as const
  }

  protected partsOf({ nextIndex, sizeBytes }: Entry) {
    return { requestsAhead: nextIndex - this.tracker.nowIndex, sizeBytes }
  }
}
