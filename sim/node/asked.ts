/**
 * What a node was asked for, told to those who learn from it when they are asked something themselves.
 *
 * What they answer depends on what they were told and in which order, not on when. Of a thousand nodes each then learns of dozens of
 * requests at once, while all that it knows lies in the cache; request by request, another node's numbers would be fetched each time, and
 * that took longer than all the rest of a request.
 */

import type { ModelId } from '../../common/index.ts'
import { type EvictionPolicy, type ModelRate, RateDemand } from '../../placement/index.ts'
import type { SimModel } from '../world/models.ts'

export interface Learners {
  /** Of what first came to this node. */
  readonly demand: RateDemand
  /** Of what others sent on to it, too. */
  readonly policies: readonly EvictionPolicy[]
}

const notesMax = 128

export class Asked {
  private readonly models: readonly SimModel[]
  private readonly learners: Learners
  /** Two numbers for each: the time, and twice the model's index, with one more where it was forwarded here. */
  private readonly notes = new Float64Array(2 * notesMax)
  private count = 0

  constructor(models: readonly SimModel[], learners: Learners) {
    this.models = models
    this.learners = learners
  }

  note(model: SimModel, nowMs: number, isForwarded: boolean): void {
    if (this.count === notesMax) this.tell()
    this.notes[2 * this.count] = nowMs
    this.notes[2 * this.count + 1] = 2 * model.index + (isForwarded ? 1 : 0)
    this.count += 1
  }

  tell(): void {
    const { notes, count } = this
    if (count === 0) return
    this.count = 0
    const { demand, policies } = this.learners
    for (let at = 0; at < count; at += 1) {
      const [nowMs, what] = [notes[2 * at]!, notes[2 * at + 1]!]
      const { id } = this.models[what >>> 1]!
      if ((what & 1) === 0) demand.record(id, nowMs)
      for (const policy of policies) policy.onRequest(id, nowMs)
    }
  }
}

/** An estimator that hears of all requests before it answers. */
export class ToldDemand extends RateDemand {
  private readonly tell: () => void

  constructor(tell: () => void) {
    super()
    this.tell = tell
  }

  override get modelCount(): number {
    this.tell()
    return super.modelCount
  }

  override introduce(model: ModelId, nowMs: number): void {
    this.tell()
    super.introduce(model, nowMs)
  }

  override ratePerS(model: ModelId, nowMs: number): number {
    this.tell()
    return super.ratePerS(model, nowMs)
  }

  override top(count: number, nowMs: number): ModelRate[] {
    this.tell()
    return super.top(count, nowMs)
  }
}
