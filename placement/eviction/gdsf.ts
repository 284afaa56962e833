/**
 * Greedy-Dual-Size with Frequency: evict the model with the least
 *
 *   priority = L + frequency x cost / bytes
 *
 * where frequency counts the requests since the model was loaded, that load included, and L is the priority of the last victim
 * at the time of the model's last request. L only rises, so models that are no longer asked for sink below the others and even
 * a once very frequent one leaves in the end: aging without touching anybody.
 * Source: L. Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching Policy", HP Laboratories
 * technical report HPL-98-69R1, 1998.
 *
 * A hit only raises a priority, so the heap is told nothing (see lazy-heap.ts). Equal priorities go by the order of the last
 * request, older first, which is total.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { assertCost, type PlannedEntry, planFromHeap } from './heap-plan.ts'
import { LazyHeap } from './lazy-heap.ts'
import type { CacheItem, EvictionPlan, EvictionPolicy, EvictionRequest, RemovalCause, ScoreParts } from './types.ts'

interface Entry extends PlannedEntry {
  sizeBytes: number
  missCostMs: number
  frequency: number
  /** L at the last request. */
  inflation: number
  priority: number
  /** Sequence number of the last request. */
  touch: number
}

export class GdsfPolicy implements EvictionPolicy {
  readonly name = 'gdsf'
  private readonly entries = new Map<ModelId, Entry>()
  private readonly heap = new LazyHeap<Entry>(refresh)
  private inflation = 0
  private touches = 0
  private usedBytes = 0

  onRequest(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    entry.frequency += 1
    entry.inflation = this.inflation
    entry.priority = priorityOf(entry)
    entry.touch = ++this.touches
  }

  onInsert({ model, sizeBytes, missCostMs }: CacheItem): void {
    assertCost(missCostMs)
    const known = this.entries.get(model)
    if (known !== undefined) {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
      known.missCostMs = missCostMs
      this.reprice(known)
      return
    }
    const touch = ++this.touches
    const entry: Entry = {
      model,
      sizeBytes,
      missCostMs,
      frequency: 1,
      inflation: this.inflation,
      priority: 0,
      touch,
      key: 0,
      tie: touch,
      position: -1,
    }
    entry.priority = priorityOf(entry)
    entry.key = entry.priority
    this.entries.set(model, entry)
    this.heap.push(entry)
    this.usedBytes += sizeBytes
  }

  onRemove(model: ModelId, _nowMs: number, cause: RemovalCause = 'evicted'): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    this.heap.remove(entry)
    this.usedBytes -= entry.sizeBytes
    // A model that could not be had again has infinite priority; L must stay a number.
    if (cause === 'evicted' && Number.isFinite(entry.priority)) {
      this.inflation = Math.max(this.inflation, entry.priority)
    }
  }

  updateCost(model: ModelId, missCostMs: number): void {
    assertCost(missCostMs)
    const entry = this.entries.get(model)
    if (entry === undefined || entry.missCostMs === missCostMs) return
    entry.missCostMs = missCostMs
    this.reprice(entry)
  }

  planEviction(request: EvictionRequest): EvictionPlan {
    return planFromHeap(this.heap, request, judge)
  }

  score(model: ModelId): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    const { priority, inflation, frequency, missCostMs, sizeBytes } = entry
    return { score: priority, parts: { inflation, frequency, missCostMs, sizeBytes } }
  }

  checkInvariants(): void {
    let bytes = 0
    for (const entry of this.entries.values()) {
      bytes += entry.sizeBytes
      assertInvariant(entry.position >= 0, `${entry.model} is resident and not in the heap`)
      assertInvariant(entry.priority === priorityOf(entry), `${entry.model} has a stale priority`)
      assertInvariant(entry.key <= entry.priority, `${entry.model} is above its priority in the heap`)
      assertInvariant(entry.inflation <= this.inflation, `${entry.model} was touched in the future`)
    }
    assertInvariant(this.heap.size === this.entries.size, 'heap and residents differ')
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
    this.heap.checkInvariants()
  }

  /** Size or cost changed: the priority may have fallen. */
  private reprice(entry: Entry): void {
    entry.priority = priorityOf(entry)
    if (entry.priority >= entry.key) return
    entry.key = entry.priority
    this.heap.lowered(entry)
  }
}

function priorityOf({ inflation, frequency, missCostMs, sizeBytes }: Entry): number {
  return inflation + (frequency * missCostMs) / Math.max(1, sizeBytes)
}

function refresh(entry: Entry): boolean {
  if (entry.key === entry.priority && entry.tie === entry.touch) return false
  entry.key = entry.priority
  entry.tie = entry.touch
  return true
}

function judge(entry: Entry) {
  return { score: entry.priority, reason: 'least-priority' } as const
}
