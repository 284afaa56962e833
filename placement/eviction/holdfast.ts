/**
 * The default: evict the model with the least
 *
 *   value = demand x marginal cost / bytes      milliseconds of waiting saved per second and byte
 *
 * Demand is the estimated rate of the coming requests (demand.ts), cost what a miss would take here and now, given who else
 * holds the model: the last copy in the cluster is worth a fetch from the origin, a twin next door little. The per-byte greedy
 * choice is that of GDSF (Cherkasova 1998) and of BeladyAM ("Many Models at the Edge"), whose oracle has 1 / (time to the next
 * request) where we have a rate. Victims that turn out not to be needed, once a larger one is chosen, are kept.
 *
 * The value of every model falls all the time, at a pace that differs with how its demand is spread over the half-lives, so a
 * heap ordered by value would be stale at once. But none falls faster than the fastest half-life lets it. Therefore
 *
 *   key = ln(value) + (a hair more than) the fastest decay x time
 *
 * never falls by itself, a request raises it, and a stored key is a lower bound for ever: the very condition of lazy-heap.ts.
 * The least key is the least value, since at one moment all keys have the same second term. Only models within a factor of two
 * of the least value are looked at again per fastest half-life, whatever the number of requests.
 *
 * Demand below the floor of the estimator counts as the floor: then only cost / bytes decide. Ties go by model id.
 */

import { DemandEstimator, type DemandOptions } from '../demand.ts'
import { assertInvariant } from '../errors.ts'
import type { ModelId } from '../types.ts'
import { assertCost, type PlannedEntry, planFromHeap, spareNeedless, type Verdict } from './heap-plan.ts'
import { LazyHeap } from './lazy-heap.ts'
import type { CacheItem, EvictionPlan, EvictionPolicy, EvictionRequest, ScoreParts } from './types.ts'

export interface HoldfastOptions {
  readonly demand: Partial<DemandOptions>
}

interface Entry extends PlannedEntry {
  sizeBytes: number
  missCostMs: number
}

/** Keys rise by at least a thousandth of the fastest decay, so that rounding never leaves a stored key above the present one. */
const keySlack = 1.001

export class HoldfastPolicy implements EvictionPolicy {
  readonly name = 'holdfast'
  private readonly entries = new Map<ModelId, Entry>()
  /** Counts what is asked of this node, forwarded requests too. Models here are remembered, since their keys rest on it. */
  private readonly demand: DemandEstimator
  private readonly decayPerMs: number
  private readonly heap: LazyHeap<Entry>
  /** Keys count time from the first call, so that they are small numbers with many digits behind the point. */
  private startMs: number | null = null
  /** The latest time seen, at which invariants are checked. */
  private latestMs = 0
  private usedBytes = 0

  constructor(options: Partial<HoldfastOptions> = {}) {
    this.demand = new DemandEstimator(options.demand, (model) => !this.entries.has(model))
    this.decayPerMs = this.demand.decayPerMsMax * keySlack
    this.heap = new LazyHeap((entry, nowMs) => this.refresh(entry, nowMs))
  }

  onRequest(model: ModelId, nowMs: number): void {
    this.demand.record(model, nowMs)
    if (nowMs > this.latestMs) this.latestMs = nowMs
  }

  onInsert({ model, sizeBytes, missCostMs }: CacheItem, nowMs: number): void {
    assertCost(missCostMs)
    this.demand.introduce(model, nowMs)
    const known = this.entries.get(model)
    if (known !== undefined) {
      this.usedBytes += sizeBytes - known.sizeBytes
      known.sizeBytes = sizeBytes
      known.missCostMs = missCostMs
      this.forgetKey(known)
      return
    }
    const entry: Entry = { model, sizeBytes, missCostMs, key: 0, tie: 0, position: -1 }
    entry.key = this.keyOf(entry, nowMs)
    this.entries.set(model, entry)
    this.heap.push(entry)
    this.usedBytes += sizeBytes
  }

  onRemove(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    this.heap.remove(entry)
    this.usedBytes -= entry.sizeBytes
  }

  updateCost(model: ModelId, missCostMs: number): void {
    assertCost(missCostMs)
    const entry = this.entries.get(model)
    if (entry === undefined || entry.missCostMs === missCostMs) return
    const hasFallen = missCostMs < entry.missCostMs
    entry.missCostMs = missCostMs
    if (hasFallen) this.forgetKey(entry)
  }

  planEviction(request: EvictionRequest): EvictionPlan {
    const plan = planFromHeap(this.heap, request, (entry, nowMs) => this.judge(entry, nowMs))
    return spareNeedless(plan, request.neededBytes)
  }

  score(model: ModelId, nowMs: number): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    const demandPerS = this.demandOf(entry, nowMs)
    const { missCostMs, sizeBytes } = entry
    return { score: this.valueOf(entry, nowMs), parts: { demandPerS, missCostMs, sizeBytes } }
  }

  checkInvariants(): void {
    let bytes = 0
    for (const entry of this.entries.values()) {
      bytes += entry.sizeBytes
      assertInvariant(entry.position >= 0, `${entry.model} is resident and not in the heap`)
      assertInvariant(entry.key <= this.keyOf(entry, this.latestMs), `${entry.model} is above its value in the heap`)
    }
    assertInvariant(this.heap.size === this.entries.size, 'heap and residents differ')
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
    this.heap.checkInvariants()
  }

  private judge(entry: Entry, nowMs: number): Verdict {
    const hasDemand = this.demandOf(entry, nowMs) > this.demand.options.floorRatePerS
    return { score: this.valueOf(entry, nowMs), reason: hasDemand ? 'least-value' : 'no-demand' }
  }

  private demandOf(entry: Entry, nowMs: number): number {
    return Math.max(this.demand.ratePerS(entry.model, nowMs), this.demand.options.floorRatePerS)
  }

  private valueOf(entry: Entry, nowMs: number): number {
    return (this.demandOf(entry, nowMs) * entry.missCostMs) / Math.max(1, entry.sizeBytes)
  }

  private keyOf(entry: Entry, nowMs: number): number {
    this.startMs ??= nowMs
    if (nowMs > this.latestMs) this.latestMs = nowMs
    return Math.log(this.valueOf(entry, nowMs)) + this.decayPerMs * (nowMs - this.startMs)
  }

  private refresh(entry: Entry, nowMs: number): boolean {
    const key = this.keyOf(entry, nowMs)
    if (key === entry.key) return false
    entry.key = key
    return true
  }

  /** The value has fallen by more than time explains: nothing is known of the key until it is looked at again. */
  private forgetKey(entry: Entry): void {
    entry.key = Number.NEGATIVE_INFINITY
    this.heap.lowered(entry)
  }
}
