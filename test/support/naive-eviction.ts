/**
 * Eviction policies as one would write them down from their definition: a list, sorted anew for every plan. Slow, obviously
 * right, and sharing no code with the real ones but the demand estimator.
 */
import type { ModelId } from '../../common/index.ts'
import { type CacheItem, type EvictionRequest, type FutureView, GapDemand } from '../../placement/index.ts'

/** Those whose definition is a value per model, and the order of ties. */
export const naivePolicyNames = [
  'lru',
  'gdsf',
  'fifo',
  'lfu',
  'loadtime',
  'belady-am-online',
  'belady',
  'belady-am',
  'holdfast',
] as const
export type NaivePolicyName = (typeof naivePolicyNames)[number]

interface Resident {
  readonly model: ModelId
  sizeBytes: number
  missCostMs: number
  readonly loadedAt: number
  touch: number
  frequency: number
  inflation: number
}

export class NaivePolicy {
  private readonly residents = new Map<ModelId, Resident>()
  private readonly demand = new GapDemand()
  private readonly name: NaivePolicyName
  private readonly future: FutureView | null
  private readonly counts = new Map<ModelId, number>()
  private readonly next = new Map<ModelId, number>()
  private requestIndex = -1
  private touches = 0
  private inflation = 0

  constructor(name: NaivePolicyName, future: FutureView | null = null) {
    this.name = name
    this.future = future
  }

  onRequest(model: ModelId, nowMs: number): void {
    this.demand.record(model, nowMs)
    this.counts.set(model, (this.counts.get(model) ?? 0) + 1)
    this.requestIndex += 1
    if (this.future !== null) this.next.set(model, this.future.nextRequestIndex(this.requestIndex))
    const resident = this.residents.get(model)
    if (resident === undefined) return
    resident.touch = ++this.touches
    resident.frequency += 1
    resident.inflation = this.inflation
  }

  onInsert(item: CacheItem, nowMs: number): void {
    this.demand.introduce(item.model, nowMs)
    const known = this.residents.get(item.model)
    const touch = known?.touch ?? ++this.touches
    const fresh = { loadedAt: touch, touch, frequency: 1, inflation: this.inflation }
    this.residents.set(item.model, { ...fresh, ...known, ...item })
  }

  onRemove(model: ModelId, nowMs: number, cause: 'evicted' | 'dropped'): void {
    const resident = this.residents.get(model)
    if (resident === undefined) return
    const value = this.valueOf(resident, nowMs)
    if (cause === 'evicted' && this.name === 'gdsf' && value < Number.POSITIVE_INFINITY) {
      this.inflation = Math.max(this.inflation, value)
    }
    this.residents.delete(model)
  }

  updateCost(model: ModelId, missCostMs: number): void {
    const resident = this.residents.get(model)
    if (resident !== undefined) resident.missCostMs = missCostMs
  }

  planEviction({ neededBytes, nowMs, mayEvict }: EvictionRequest): ModelId[] {
    const victims: Resident[] = []
    const sum = (list: readonly Resident[]) => list.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
    for (const resident of this.inOrder(nowMs)) {
      if (sum(victims) < neededBytes && mayEvict(resident.model)) victims.push(resident)
    }
    if (this.name === 'holdfast' && sum(victims) >= neededBytes) {
      for (const victim of victims.toReversed()) {
        const others = victims.filter((other) => other !== victim)
        if (sum(others) >= neededBytes && others.length > 0) victims.splice(victims.indexOf(victim), 1)
      }
    }
    return victims.map(({ model }) => model)
  }

  private inOrder(nowMs: number): Resident[] {
    return [...this.residents.values()].sort((left, right) => {
      const [first, second] = [this.valueOf(left, nowMs), this.valueOf(right, nowMs)]
      if (first !== second) return first - second
      if (this.name === 'lfu' || this.name === 'gdsf') return left.touch - right.touch
      return left.model < right.model ? -1 : 1
    })
  }

  private valueOf(resident: Resident, nowMs: number): number {
    const { model, sizeBytes, missCostMs, loadedAt, touch, frequency, inflation } = resident
    const distance = (this.next.get(model) ?? Number.POSITIVE_INFINITY) - this.requestIndex
    switch (this.name) {
      case 'fifo':
        return loadedAt
      case 'lfu':
        return frequency
      case 'loadtime':
        return missCostMs
      case 'belady':
        return 1 / distance
      case 'belady-am':
        return distance === Number.POSITIVE_INFINITY ? 0 : ((1 / distance) * missCostMs) / Math.max(1, sizeBytes)
      case 'belady-am-online': {
        const count = this.counts.get(model) ?? 0
        return count === 0 ? 0 : (count * missCostMs) / Math.max(1, sizeBytes)
      }
      case 'lru':
        return touch
      case 'gdsf':
        return inflation + (frequency * missCostMs) / Math.max(1, sizeBytes)
      case 'holdfast': {
        return (this.demand.ratePerS(model, nowMs) * missCostMs) / Math.max(1, sizeBytes)
      }
    }
  }
}
