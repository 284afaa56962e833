/**
 * BeladyAM as one can have it online: evict the model with the least
 *
 *   utility = (its requests so far / all requests so far) x cost / bytes
 *
 * The share of requests stands in for the inverse distance that only the oracle knows (belady-am.ts). It counts requests from
 * the beginning and forgets none, resident or not: a plain frequency count, right when demand never changes.
 * Source: "Many Models at the Edge: Scaling Deep Inference via Model-Level Caching". Ties go by id.
 *
 * All utilities have the same denominator, so the rank leaves it out; counts only rise, so the heap is told nothing.
 */
import type { ModelId } from '../../common/index.ts'
import { type RankedEntry, RankedPolicy, rankedEntry } from './ranked-policy.ts'
import type { CacheItem } from './types.ts'

interface Entry extends RankedEntry {
  readonly counter: Counter
}

interface Counter {
  count: number
}

export class BeladyAmOnlinePolicy extends RankedPolicy<Entry> {
  readonly name = 'belady-am-online'
  /** One number per model ever seen: forgetting would make it another policy. Ours, which is bounded, is holdfast. */
  private readonly counters = new Map<ModelId, Counter>()
  private requestCount = 0

  onRequest(model: ModelId): void {
    this.requestCount += 1
    this.counterOf(model).count += 1
  }

  protected createEntry(item: CacheItem): Entry {
    return { ...rankedEntry(item), counter: this.counterOf(item.model) }
  }

  protected keyOf({ counter, missCostMs, sizeBytes }: Entry): number {
    return counter.count === 0 ? 0 : (counter.count * missCostMs) / Math.max(1, sizeBytes)
  }

  protected override scoreOf(entry: Entry): number {
    return this.keyOf(entry) / Math.max(1, this.requestCount)
  }

  protected reasonOf() {
    return 'least-value' as const
  }

  protected partsOf({ counter, missCostMs, sizeBytes }: Entry) {
    return { requestShare: counter.count / Math.max(1, this.requestCount), missCostMs, sizeBytes }
  }

  private counterOf(model: ModelId): Counter {
    let counter = this.counters.get(model)
    if (counter === undefined) {
      counter = { count: 0 }
      this.counters.set(model, counter)
    }
    return counter
  }
}
