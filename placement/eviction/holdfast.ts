/**
 * The default: evict the model with the least
 *
 *   value = demand x marginal cost / bytes      milliseconds of waiting saved per second and byte
 *
 * Demand is how soon the model is wanted again, learnt from its gaps and its peers' (return-estimator.ts), cost what a miss would
 * take here and now, transfer and start, given who else holds the model: the last copy in the cluster is worth a fetch from the
 * origin, a replica next door little. What other nodes would lose without this copy is added. The per-byte greedy choice is that of
 * GDSF (Cherkasova 1998) and of BeladyAM ("Many Models at the Edge"), whose oracle has 1 / (time to the next request) where we
 * have its estimate. Victims that turn out not to be needed, once a larger one is chosen, are kept.
 *
 * A value rises and falls with idle time and with what peers teach, so no order can be kept between two plans: a plan looks at every
 * resident once, some hundred nanoseconds each, and then takes the least from a heap. A request costs one histogram entry,
 * whatever is resident. A node holds tens to thousands of models and evicts before a load of seconds.
 *
 * Ties go by model id.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { GapDemand, type ReturnOptions } from '../demand/gap-demand.ts'
import { type BoundedLossOptions, boundLoss, defaultBoundedLossOptions } from './bounded-loss.ts'
import { assertCost, type PlannedEntry, planFromHeap, type Verdict } from './heap-plan.ts'
import { LazyHeap } from './lazy-heap.ts'
import type { CacheItem, EvictionPlan, EvictionPolicy, EvictionRequest, ScoreParts, Victim } from './types.ts'

export interface HoldfastOptions extends BoundedLossOptions {
  readonly demand: Partial<ReturnOptions>
}

interface Entry extends PlannedEntry {
  sizeBytes: number
  missCostMs: number
  othersLossMsPerS: number
}

const neverStale = () => false

export class HoldfastPolicy implements EvictionPolicy {
  readonly name = 'holdfast'
  private readonly entries = new Map<ModelId, Entry>()
  /** Counts what is asked of this node, forwarded requests too. Models here are remembered. */
  private readonly demand: GapDemand
  private readonly lossOptions: BoundedLossOptions
  private usedBytes = 0

  constructor(options: Partial<HoldfastOptions> = {}) {
    this.lossOptions = { ...defaultBoundedLossOptions, ...options }
    const { lossFactorMax, searchStepsMax } = this.lossOptions
    assertInvariant(lossFactorMax >= 1, `nothing loses less than the cheapest set, so not ${lossFactorMax} times that`)
    assertInvariant(searchStepsMax >= 1, `a search takes one step at least, not ${searchStepsMax}`)
    this.demand = new GapDemand(options.demand, (model) => !this.entries.has(model))
  }

  onRequest(model: ModelId, nowMs: number): void {
    this.demand.record(model, nowMs)
  }

  onInsert({ model, sizeBytes, missCostMs, othersLossMsPerS = 0 }: CacheItem, nowMs: number): void {
    assertCost(missCostMs)
    assertCost(othersLossMsPerS)
    this.demand.introduce(model, nowMs)
    const known = this.entries.get(model)
    this.usedBytes += sizeBytes - (known?.sizeBytes ?? 0)
    if (known === undefined) {
      this.entries.set(model, { model, sizeBytes, missCostMs, othersLossMsPerS, key: 0, tie: 0, position: -1 })
    } else {
      known.sizeBytes = sizeBytes
      known.missCostMs = missCostMs
      known.othersLossMsPerS = othersLossMsPerS
    }
  }

  onRemove(model: ModelId): void {
    const entry = this.entries.get(model)
    if (entry === undefined) return
    this.entries.delete(model)
    this.usedBytes -= entry.sizeBytes
  }

  updateCost(model: ModelId, missCostMs: number, othersLossMsPerS = 0): void {
    assertCost(missCostMs)
    assertCost(othersLossMsPerS)
    const entry = this.entries.get(model)
    if (entry === undefined) return
    entry.missCostMs = missCostMs
    entry.othersLossMsPerS = othersLossMsPerS
  }

  planEviction(request: EvictionRequest): EvictionPlan {
    const heap = new LazyHeap<Entry>(neverStale)
    for (const entry of this.entries.values()) {
      entry.key = this.valueOf(entry, request.nowMs)
      heap.push(entry)
    }
    const plan = planFromHeap(heap, request, (entry, nowMs) => this.judge(entry, nowMs))
    return boundLoss(plan, request, () => this.candidates(request), this.lossOptions)
  }

  score(model: ModelId, nowMs: number): ScoreParts | null {
    const entry = this.entries.get(model)
    if (entry === undefined) return null
    const demandPerS = this.demand.ratePerS(model, nowMs)
    const { missCostMs, othersLossMsPerS, sizeBytes } = entry
    const parts = { demandPerS, missCostMs, ...(othersLossMsPerS === 0 ? {} : { othersLossMsPerS }), sizeBytes }
    return { score: this.valueOf(entry, nowMs), parts }
  }

  expectedRatePerS(model: ModelId, nowMs: number): number {
    return this.demand.ratePerS(model, nowMs)
  }

  checkInvariants(): void {
    let bytes = 0
    for (const { model, sizeBytes } of this.entries.values()) {
      bytes += sizeBytes
      assertInvariant(this.demand.ratePerS(model, 0) > 0, `${model} is resident and its demand was forgotten`)
    }
    assertInvariant(bytes === this.usedBytes, `resident models have ${bytes} bytes, not ${this.usedBytes}`)
  }

  /** Their keys are those of the plan just made. */
  private candidates({ mayEvict, nowMs }: EvictionRequest): Victim[] {
    const entries = [...this.entries.values()].filter(({ model }) => mayEvict(model))
    return entries.map((entry) => ({ model: entry.model, sizeBytes: entry.sizeBytes, ...this.judge(entry, nowMs) }))
  }

  private judge(entry: Entry, nowMs: number): Verdict {
    return { score: entry.key, reason: this.demand.isSilent(entry.model, nowMs) ? 'no-demand' : 'least-value' }
  }

  private valueOf({ model, missCostMs, othersLossMsPerS, sizeBytes }: Entry, nowMs: number): number {
    return (this.demand.ratePerS(model, nowMs) * missCostMs + othersLossMsPerS) / Math.max(1, sizeBytes)
  }
}
