/**
 * A trace of requests for models in columns, in the order of arrival: a hundred million requests fit in memory, and a replay
 * spends its time in the policy and not in reading objects.
 */

import { assertInvariant } from '../../common/index.ts'
import type { FutureView } from '../../placement/index.ts'

export interface TraceModel {
  readonly name: string
  readonly sizeBytes: number
  /** What a miss takes: transfer and start. */
  readonly loadMs: number
}

export interface Trace {
  readonly models: readonly TraceModel[]
  /** Per request its model's place in `models`. */
  readonly modelIndexes: Uint32Array
  /** Per request its arrival; never falls. */
  readonly timesMs: Float64Array
}

/** Collects the columns while a reader does not know yet how many requests there are. */
export class TraceBuilder {
  private modelIndexes = new Uint32Array(1024)
  private timesMs = new Float64Array(1024)
  private count = 0

  get length(): number {
    return this.count
  }

  add(modelIndex: number, timeMs: number): void {
    if (this.count === this.timesMs.length) this.grow()
    this.modelIndexes[this.count] = modelIndex
    this.timesMs[this.count] = timeMs
    this.count += 1
  }

  build(models: readonly TraceModel[]): Trace {
    return {
      models,
      modelIndexes: this.modelIndexes.subarray(0, this.count),
      timesMs: this.timesMs.subarray(0, this.count),
    }
  }

  private grow(): void {
    const [modelIndexes, timesMs] = [new Uint32Array(2 * this.count), new Float64Array(2 * this.count)]
    modelIndexes.set(this.modelIndexes)
    timesMs.set(this.timesMs)
    this.modelIndexes = modelIndexes
    this.timesMs = timesMs
  }
}

/** Requests in the order of arrival; those of one instant keep their order. */
export function sortTrace(trace: Trace): Trace {
  const { timesMs, modelIndexes, models } = trace
  const order = Uint32Array.from(timesMs, (_, index) => index)
  order.sort((left, right) => timesMs[left]! - timesMs[right]! || left - right)
  return {
    models,
    modelIndexes: Uint32Array.from(order, (index) => modelIndexes[index]!),
    timesMs: Float64Array.from(order, (index) => timesMs[index]!),
  }
}

export function sumOfSizes(models: readonly TraceModel[]): number {
  return models.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/** What an oracle is told of the trace. */
export function futureOf({ modelIndexes, models }: Trace): FutureView {
  const never = Number.POSITIVE_INFINITY
  const next = new Float64Array(modelIndexes.length)
  const later = new Float64Array(models.length).fill(never)
  for (let index = modelIndexes.length - 1; index >= 0; index--) {
    const model = modelIndexes[index]!
    next[index] = later[model]!
    later[model] = index
  }
  return {
    nextRequestIndex(index) {
      const found = next[index]
      assertInvariant(found !== undefined, `the trace has ${next.length} requests, none at ${index}`)
      return found
    },
  }
}
