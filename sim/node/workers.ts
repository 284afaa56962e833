/**
 * The workers of one node: each runs one request at a time, in the order in which they are ready. Since nothing overtakes, the
 * time at which a request will begin is known when it comes, and a request costs no event.
 */
import { assertInvariant } from '../../common/index.ts'
import type { ServedFrom } from '../metrics/run-result.ts'
import type { SimModel } from '../world/models.ts'

export class Workers {
  private readonly freeAtMs: Float64Array
  /** Requests that run or wait here, for the day on which the node crashes and for the checkers. Columns in step. */
  private readonly ends: number[] = []
  private readonly models: SimModel[] = []
  private readonly arrivals: number[] = []
  private readonly origins: (ServedFrom | null)[] = []
  private pruneAt = 256

  constructor(count: number) {
    assertInvariant(count >= 1, 'a node has a worker')
    this.freeAtMs = new Float64Array(count)
  }

  /** Until the next worker is free. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.freeAtMs[this.next()]! - nowMs)
  }

  /** As the daemon tells it: what is queued or running, spread over the workers. */
  queueMs(nowMs: number): number {
    let sumMs = 0
    for (const freeMs of this.freeAtMs) if (freeMs > nowMs) sumMs += freeMs - nowMs
    return sumMs / this.freeAtMs.length
  }

  /** @returns when it begins. `from` null: the node at which the request entered keeps account of it. */
  run(nowMs: number, model: SimModel, arrivedMs: number, from: ServedFrom | null): number {
    const { executeMs } = model
    const next = this.next()
    const beginMs = Math.max(nowMs, this.freeAtMs[next]!)
    this.freeAtMs[next] = beginMs + executeMs
    if (this.ends.length >= this.pruneAt) this.prune(nowMs)
    this.ends.push(beginMs + executeMs)
    this.models.push(model)
    this.arrivals.push(arrivedMs)
    this.origins.push(from)
    return beginMs
  }

  /** All that runs is lost. */
  crash(nowMs: number, lost: (arrivedMs: number, from: ServedFrom) => void): void {
    this.prune(nowMs)
    for (const [at, from] of this.origins.entries()) if (from !== null) lost(this.arrivals[at]!, from)
    this.ends.length = this.models.length = this.arrivals.length = this.origins.length = 0
    this.freeAtMs.fill(0)
  }

  /** Whether a request for the model runs or waits here. Linear; for checkers. */
  isBusyWith(model: SimModel, nowMs: number): boolean {
    return this.ends.some((endMs, at) => endMs > nowMs && this.models[at] === model)
  }

  /** Models for which requests run or wait here. Linear; for checkers. */
  busyModels(nowMs: number): SimModel[] {
    return [...new Set(this.models.filter((_, at) => this.ends[at]! > nowMs))]
  }

  private next(): number {
    const { freeAtMs } = this
    let next = 0
    for (let at = 1; at < freeAtMs.length; at += 1) if (freeAtMs[at]! < freeAtMs[next]!) next = at
    return next
  }

  private prune(nowMs: number): void {
    let kept = 0
    for (let at = 0; at < this.ends.length; at += 1) {
      if (this.ends[at]! <= nowMs) continue
      this.ends[kept] = this.ends[at]!
      this.models[kept] = this.models[at]!
      this.arrivals[kept] = this.arrivals[at]!
      this.origins[kept] = this.origins[at]!
      kept += 1
    }
    this.ends.length = this.models.length = this.arrivals.length = this.origins.length = kept
    // Rarely again, however many run at once.
    this.pruneAt = Math.max(256, 2 * kept)
  }
}
