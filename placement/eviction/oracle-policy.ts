/**
 * What the oracles have in common: each resident carries the index of its model's next request, taken from the future at every
 * request. An oracle says what that index is worth (`keyOf`) and what people should see of it.
 */
import type { ModelId } from '../../common/index.ts'
import { FutureTracker, type FutureView } from './future-view.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem, OraclePolicyName } from './types.ts'

export interface OracleEntry extends RankedEntry {
  /** Infinity when there is no next request. */
  nextIndex: number
}

export abstract class OraclePolicy extends RankedPolicy<OracleEntry> {
  abstract override readonly name: OraclePolicyName
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

  protected createEntry(item: CacheItem): OracleEntry {
    return { ...rankedEntry(item), nextIndex: this.tracker.nextOf(item.model) }
  }

  /** Requests until the next one of this model. */
  protected aheadOf({ nextIndex }: OracleEntry): number {
    return nextIndex - this.tracker.nowIndex
  }
}
