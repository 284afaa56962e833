/**
 * Load time: evict the model that is loaded again soonest, whether anybody asks for it or not. One of the baselines of "Many
 * Models at the Edge", and a warning: cost without demand fills the memory with what is dear and unwanted. Ties go by id.
 */
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

export class LoadTimePolicy extends RankedPolicy<RankedEntry> {
  readonly name = 'loadtime'

  /** A request changes nothing. */
  onRequest(): void {}

  protected createEntry(item: CacheItem): RankedEntry {
    return rankedEntry(item)
  }

  protected keyOf({ missCostMs }: RankedEntry): number {
    return missCostMs
  }

  protected reasonOf() {
    return 'cheapest-load' as const
  }

  protected partsOf({ missCostMs, sizeBytes }: RankedEntry) {
    return { missCostMs, sizeBytes }
  }
}
