/** What the eviction policy of one tier was told to be there, so that each change is told exactly once. */

import type { ModelId } from '../../common/index.ts'
import type { CopyWorth } from '../../core/index.ts'
import type { CacheItem, EvictionPolicy, RemovalCause } from '../../placement/index.ts'
import type { Clock } from '../system/index.ts'

export class PolicyFeed {
  private readonly policy: EvictionPolicy
  private readonly clock: Clock
  private readonly sizes = new Map<ModelId, number>()

  constructor(policy: EvictionPolicy, clock: Clock) {
    this.policy = policy
    this.clock = clock
  }

  has(model: ModelId): boolean {
    return this.sizes.has(model)
  }

  /** The model has so many bytes in the tier now; none means that it is gone. */
  note(item: CacheItem): void {
    const known = this.sizes.get(item.model)
    if (item.sizeBytes === 0) {
      this.remove(item.model, 'dropped')
    } else if (known === item.sizeBytes) {
      this.policy.updateCost(item.model, item.missCostMs, item.othersLossMsPerS)
    } else {
      this.sizes.set(item.model, item.sizeBytes)
      this.policy.onInsert(item, this.clock.nowMs())
    }
  }

  /** What copies are worth changes with what others hold and want: told before each plan, for what is here. */
  refreshCosts(worthOf: (model: ModelId) => CopyWorth): void {
    for (const model of this.sizes.keys()) {
      const { missCostMs, othersLossMsPerS } = worthOf(model)
      this.policy.updateCost(model, missCostMs, othersLossMsPerS)
    }
  }

  remove(model: ModelId, cause: RemovalCause): void {
    if (this.sizes.delete(model)) this.policy.onRemove(model, this.clock.nowMs(), cause)
  }
}
