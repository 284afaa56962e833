/**
 * A clock that stands still until a test moves it; timers fire in order of their times while it moves. Held by
 * test/conformance/clock.suite.ts.
 */
import type { Clock } from '../../common/clock.ts'

interface Timer {
  atMs: number
  readonly periodMs: number | null
  readonly action: () => void
}

export class ManualClock implements Clock {
  private readonly timers = new Set<Timer>()
  private timeMs: number

  constructor(startMs = 1_000) {
    this.timeMs = startMs
  }

  nowMs(): number {
    return this.timeMs
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.timeMs
  }

  every(periodMs: number, action: () => void): () => void {
    if (!(periodMs > 0)) throw new RangeError(`a period of ${periodMs} ms would never let the clock advance`)
    return this.add({ atMs: this.timeMs + periodMs, periodMs, action })
  }

  after(delayMs: number, action: () => void): () => void {
    return this.add({ atMs: this.timeMs + delayMs, periodMs: null, action })
  }

  get timerCount(): number {
    return this.timers.size
  }

  advance(elapsedMs: number): void {
    const endMs = this.timeMs + elapsedMs
    for (;;) {
      const next = [...this.timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.timeMs = next.atMs
      if (next.periodMs === null) this.timers.delete(next)
      else next.atMs += next.periodMs
      next.action()
    }
    this.timeMs = endMs
  }

  private add(timer: Timer): () => void {
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }
}
