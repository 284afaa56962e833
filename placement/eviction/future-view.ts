/**
 * What only an oracle knows: when each request's model is asked for next. It comes through the constructor of the two oracles and
 * through nothing else, so that no other policy can peek, and a node, which has no such thing, cannot configure an oracle.
 */
import type { ModelId } from '../../common/index.ts'

export interface FutureView {
  /** Index of the next request for the model that request `index` is for; Infinity when there is none. Indexes start at 0. */
  nextRequestIndex(index: number): number
}

/** Follows the requests of a replay and knows the next one of every model seen so far. */
export class FutureTracker {
  private readonly future: FutureView
  private readonly next = new Map<ModelId, number>()
  /** Index of the latest request; -1 before the first. */
  private latestIndex = -1

  constructor(future: FutureView) {
    this.future = future
  }

  get nowIndex(): number {
    return this.latestIndex
  }

  /** Returns the index of the model's next request. */
  onRequest(model: ModelId): number {
    this.latestIndex += 1
    const nextIndex = this.future.nextRequestIndex(this.latestIndex)
    this.next.set(model, nextIndex)
    return nextIndex
  }

  /** Infinity for a model that was never asked for. */
  nextOf(model: ModelId): number {
    return this.next.get(model) ?? Number.POSITIVE_INFINITY
  }
}
