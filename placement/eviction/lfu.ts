/**
 * Least frequently used: evict the model with the fewest requests since it was loaded, that load included. A model that was
 * frequent once stays for ever, which is what GDSF's aging is there for. Ties go by the order of the last request, older first,
 * as in libCacheSim (https://github.com/1a1a11a/libCacheSim), whose published miss counts it reproduces.
 */
import type { ModelId } from '../../common/index.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

interface Entry extends RankedEntry {
  frequency: number
  /** Sequence number of the last request. */
  touch: number
}

export class LfuPolicy extends RankedPolicy<Entry> {
  readonly name = 'lfu'
  private touches = 0

  /** Raises the rank only, so the heap is told nothing. */
  onRequest(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    entry.frequency += 1
    entry.touch = ++this.touches
  }

  protected createEntry(item: CacheItem): Entry {
    return { ...rankedEntry(item), frequency: 1, touch: ++this.touches }
  }

  protected keyOf({ frequency }: Entry): number {
    return frequency
  }

  protected override tieOf({ touch }: Entry): number {
    return touch
  }

  protected reasonOf() {
    return 'least-frequent' as const
  }

  protected partsOf({ frequency, sizeBytes }: Entry) {
    return { frequency, sizeBytes }
  }
}
