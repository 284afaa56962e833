/**
 * Eviction policies as one would write them down from their definition: a list, sorted anew for every plan. Slow, obviously
 * right, and sharing no code with the real ones but the demand estimator.
 */
import {
  type CacheItem,
  DemandEstimator,
  defaultDemandOptions,
  type EvictionPolicyName,
  type EvictionRequest,
  type ModelId,
} from '../../placement/index.ts'

interface Resident {
  readonly model: ModelId
  sizeBytes: number
  missCostMs: number
  touch: number
  frequency: number
  inflation: number
}

export class NaivePolicy {
  private readonly residents = new Map<ModelId, Resident>()
  private readonly demand = new DemandEstimator()
  private readonly name: EvictionPolicyName
  private touches = 0
  private inflation = 0

  constructor(name: EvictionPolicyName) {
    this.name = name
  }

  onRequest(model: ModelId, nowMs: number): void {
    this.demand.record(model, nowMs)
    const resident = this.residents.get(model)
    if (resident === undefined) return
    resident.touch = ++this.touches
    resident.frequency += 1
    resident.inflation = this.inflation
  }

  onInsert(item: CacheItem, nowMs: number): void {
    this.demand.introduce(item.model, nowMs)
    const known = this.residents.get(item.model)
    const fresh = { touch: known?.touch ?? ++this.touches, frequency: 1, inflation: this.inflation }
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
      if (this.name !== 'holdfast') return left.touch - right.touch
      return left.model < right.model ? -1 : 1
    })
  }

  private valueOf({ model, sizeBytes, missCostMs, touch, frequency, inflation }: Resident, nowMs: number): number {
    switch (this.name) {
      case 'lru':
        return touch
      case 'gdsf':
        return inflation + (frequency * missCostMs) / Math.max(1, sizeBytes)
      case 'holdfast': {
        const ratePerS = Math.max(this.demand.ratePerS(model, nowMs), defaultDemandOptions.floorRatePerS)
        return (ratePerS * missCostMs) / Math.max(1, sizeBytes)
      }
    }
  }
}
