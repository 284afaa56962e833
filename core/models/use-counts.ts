/** Counts who is at work on a model. While somebody is, nothing of the model is evicted from any tier. */
import { assertInvariant, type ModelId } from '../../common/index.ts'

export class UseCounts {
  private readonly counts = new Map<ModelId, number>()

  hold(model: ModelId): void {
    this.counts.set(model, (this.counts.get(model) ?? 0) + 1)
  }

  /** True when nobody is at work on the model any more. */
  unhold(model: ModelId): boolean {
    const count = this.counts.get(model)
    assertInvariant(count !== undefined, `${model} is held as often as it was taken`)
    if (count > 1) this.counts.set(model, count - 1)
    else this.counts.delete(model)
    return count === 1
  }

  has(model: ModelId): boolean {
    return this.counts.has(model)
  }
}
