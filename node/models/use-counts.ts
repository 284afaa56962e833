/** Counts who is at work on a model. While somebody is, nothing of the model is evicted from any tier. */

import { assertInvariant, type ModelId } from '../../common/index.ts'

export class UseCounts {
  private readonly counts = new Map<ModelId, number>()
  private readonly onFree: () => void

  /** @param onFree told when nobody is at work on some model any more. */
  constructor(onFree: () => void = () => {}) {
    this.onFree = onFree
  }

  /** Disposing it twice is once. */
  hold(model: ModelId): Disposable {
    this.counts.set(model, (this.counts.get(model) ?? 0) + 1)
    let isHeld = true
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return
        isHeld = false
        this.drop(model)
      },
    }
  }

  has(model: ModelId): boolean {
    return this.counts.has(model)
  }

  private drop(model: ModelId): void {
    const count = this.counts.get(model)
    assertInvariant(count !== undefined, `${model} is held as often as it was taken`)
    if (count > 1) {
      this.counts.set(model, count - 1)
      return
    }
    this.counts.delete(model)
    this.onFree()
  }
}
