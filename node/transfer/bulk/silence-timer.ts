/** Tells when nothing has moved on a connection for too long. A byte costs a look at the clock, and sets no timer anew. */
import type { Clock } from '../../../common/index.ts'

export class SilenceTimer {
  private readonly clock: Clock
  private readonly onSilent: () => void
  private movedMs = 0
  private limitMs = Number.POSITIVE_INFINITY
  private forget: () => void = () => {}

  /** Nothing is limited before `allow`. */
  constructor(clock: Clock, onSilent: () => void) {
    this.clock = clock
    this.onSilent = onSilent
  }

  /** From now on silence may last so long. */
  allow(limitMs: number): void {
    this.limitMs = limitMs
    this.moved()
    this.wait(limitMs)
  }

  /** Bytes have come or gone. */
  moved(): void {
    this.movedMs = this.clock.nowMs()
  }

  stop(): void {
    this.forget()
  }

  private wait(delayMs: number): void {
    this.forget()
    this.forget = this.clock.after(delayMs, () => {
      const leftMs = this.limitMs - (this.clock.nowMs() - this.movedMs)
      if (leftMs > 0) this.wait(leftMs)
      else this.onSilent()
    })
  }
}
