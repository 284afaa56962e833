/** The only place that reads clocks and sets timers; everything else is given a Clock. */

import type { Clock } from '../../common/index.ts'

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
