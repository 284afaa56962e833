/**
 * What policies have in common that give every resident model a rank and evict the least: residents, a heap, totals, plans.
 *
 * A policy says what the rank of an entry is (`keyOf`, and `tieOf` where the reference breaks ties by the order of requests;
 * the model id has the last word) and calls `moved` when a rank may have fallen. A rank that only rises, by a hit or by time,
 * need not be told (see lazy-heap.ts).
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { assertCost, type PlannedEntry, planFromHeap } from './heap-plan.ts'
import { LazyHeap } from './lazy-heap.ts'
import type {
  AnyPolicyName,
  CacheItem,
  EvictionPlan,
  EvictionPolicy,
  EvictionReason,
  EvictionRequest,
  RemovalCause,
  ScoreParts,
} from './types.ts'

export interface RankedEntry extends PlannedEntry {
  sizeBytes: number
  missCostMs: number
}

export abstract class RankedPolicy<E extends RankedEntry> implements EvictionPolicy {
  abstract readonly name: AnyPolicyName
  protected readonly entries = new Map<ModelId, E>()
  private readonly heap = new LazyHeap<E>((entry, nowMs) => this.refresh(entry, nowMs))
  private usedBytes = 0
  /** The latest time seen, at which invariants are checked. */
  private latestMs = 0

  protected abstract createEntry(item: CacheItem, nowMs: number): E
  protected abstract keyOf(entry: E, nowMs: number): number
  protected abstract reasonOf(entry: E, nowMs: number): EvictionReason
  protected abstract partsOf(entry: E, nowMs: number): Readonly<Record<string, number>>
  abstract onRequest(model: ModelId, nowMs: number): void

  protected tieOf(_entry: E): number {
    return 0
  }

  /** What people see; ranks as the key does. */
  protected scoreOf(entry: E, nowMs: number): number {
    return this.keyOf(entry, nowMs)
  }

  onInsert(item: CacheItem, nowMs: number): void {
    const { model, sizeBytes, missCostMs } = item
    assertCost(missCostMs)
    const known = this.entries.get(model)
    if (known !== undefined) {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
      known.missCostMs = missCostMs
      this.moved(known, nowMs)
      return
    }
    const entry = this.createEntry(item, nowMs)
    entry.key = this.keyOf(entry, nowMs)
    entry.tie = this.tieOf(entry)
    this.entries.set(model, entry)
    this.heap.push(entry)
    this.usedBytes += sizeBytes
    this.seen(nowMs)
  }

  onRemove(model: ModelId, _nowMs: number, _cause?: RemovalCause): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    this.heap.remove(entry)
    this.usedBytes -= entry.sizeBytes
  }

  /** A new cost takes effect at the latest time that the policy has seen. */
  updateCost(model: ModelId, missCostMs: number): void {
    assertCost(missCostMs)
    const entry = this.entries.get(model)
    if (entry === undefined || entry.missCostMs === missCostMs) return
    entry.missCostMs = missCostMs
    this.moved(entry, this.latestMs)
  }

  planEviction(request: EvictionRequest): EvictionPlan {
    this.seen(request.nowMs)
    return planFromHeap(this.heap, request, (entry, nowMs) => ({
      score: this.scoreOf(entry, nowMs),
      reason: this.reasonOf(entry, nowMs),
    }))
  }

  score(model: ModelId, nowMs: number): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    return { score: this.scoreOf(entry, nowMs), parts: this.partsOf(entry, nowMs) }
  }

  checkInvariants(): void {
    let bytes = 0
    for (const entry of this.entries.values()) {
      bytes += entry.sizeBytes
      assertInvariant(entry.position >= 0, `${entry.model} is resident and not in the heap`)
      assertInvariant(entry.key <= this.keyOf(entry, this.latestMs), `${entry.model} is above its rank in the heap`)
    }
    assertInvariant(this.heap.size === this.entries.size, 'heap and residents differ')
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
    this.heap.checkInvariants()
  }

  /** The rank of the entry may have fallen. */
  protected moved(entry: E, nowMs: number): void {
    this.seen(nowMs)
    const key = this.keyOf(entry, nowMs)
    if (key >= entry.key) return
    entry.key = key
    entry.tie = this.tieOf(entry)
    this.heap.lowered(entry)
  }

  protected seen(nowMs: number): void {
    if (nowMs > this.latestMs) this.latestMs = nowMs
  }

  private refresh(entry: E, nowMs: number): boolean {
    const key = this.keyOf(entry, nowMs)
    const tie = this.tieOf(entry)
    if (key === entry.key && tie === entry.tie) return false
    entry.key = key
    entry.tie = tie
    return true
  }
}

/** The fields of an entry that its policy does not set itself. */
export function rankedEntry({ model, sizeBytes, missCostMs }: CacheItem): RankedEntry {
  return { model, sizeBytes, missCostMs, key: 0, tie: 0, position: -1 }
}
