/** The only place that reads clocks and sets timers; everything else is given a Clock. */

export interface Clock {
  /** Monotonic milliseconds; the zero means nothing. */
  nowMs(): number
  /** Milliseconds since 1970, for people and for epochs that must rise over restarts. */
  wallMs(): number
  /** Calls `action` every `periodMs` until the returned function is called. Never keeps the process alive. */
  every(periodMs: number, action: () => void): () => void
  /** Calls `action` once after `delayMs`, a month at most, unless the returned function was called before. Never keeps the process alive. */
  after(delayMs: number, action: () => void): () => void
}

/** A timer that is set for longer fires at once. */
const timerMsMax = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  every(periodMs, action) {
    const timer = setInterval(action, periodMs)
    timer.unref()
    return () => clearInterval(timer)
  },
  after(delayMs, action) {
    // Fractions are cut off by a timer, and it would come too early.
    const timer = setTimeout(action, Math.min(Math.ceil(delayMs), timerMsMax))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
