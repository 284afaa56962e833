/** What the eviction policy of one tier was told to be there, so that each change is told exactly once. */

import type { ModelId } from '../../common/index.ts'
import type { CacheItem, EvictionPolicy, RemovalCause } from '../../placement/index.ts'
import type { CopyWorth } from '../views/placement-view-builder.ts'

export class PolicyFeed {
  private readonly policy: () => EvictionPolicy
  private readonly sizes = new Map<ModelId, number>()

  constructor(policy: () => EvictionPolicy) {
    this.policy = policy
  }

  has(model: ModelId): boolean {
    return this.sizes.has(model)
  }

  models(): IterableIterator<ModelId> {
    return this.sizes.keys()
  }

  /** The model has so many bytes in the tier now; none means that it is gone. */
  note(item: CacheItem, nowMs: number): void {
    const known = this.sizes.get(item.model)
    if (item.sizeBytes === 0) {
      this.remove(item.model, 'dropped', nowMs)
    } else if (known === item.sizeBytes) {
      this.policy().updateCost(item.model, item.missCostMs, item.othersLossMsPerS)
    } else {
      this.sizes.set(item.model, item.sizeBytes)
      this.policy().onInsert(item, nowMs)
    }
  }

  /** What copies are worth changes with what others hold and want: told before each plan, for what is here. */
  refreshCosts(worthOf: (model: ModelId) => CopyWorth): void {
    const policy = this.policy()
    for (const model of this.sizes.keys()) {
      const { missCostMs, othersLossMsPerS } = worthOf(model)
      policy.updateCost(model, missCostMs, othersLossMsPerS)
    }
  }

  remove(model: ModelId, cause: RemovalCause, nowMs: number): void {
    if (this.sizes.delete(model)) this.policy().onRemove(model, nowMs, cause)
  }
}
