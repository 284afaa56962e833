/**
 * First in, first out: evict the model that was loaded longest ago, however often it was asked for since. The floor of every
 * comparison: what a cache does that learns nothing. The order of loads is total, so there are no ties.
 */
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

interface Entry extends RankedEntry {
  /** Sequence number of the load. */
  readonly loadedAt: number
  readonly loadedMs: number
}

export class FifoPolicy extends RankedPolicy<Entry> {
  readonly name = 'fifo'
  private loadCount = 0

  /** A request changes nothing. */
  onRequest(): void {}

  protected createEntry(item: CacheItem, nowMs: number): Entry {
    return { ...rankedEntry(item), loadedAt: ++this.loadCount, loadedMs: nowMs }
  }

  protected keyOf({ loadedAt }: Entry): number {
    return loadedAt
  }

  protected reasonOf() {
    return 'first-loaded' as const
  }

  protected partsOf({ loadedMs, sizeBytes }: Entry, nowMs: number) {
    return { residentMs: nowMs - loadedMs, sizeBytes }
  }
}
