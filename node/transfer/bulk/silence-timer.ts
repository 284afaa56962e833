/** Tells when nothing has moved on a connection for too long. Bytes are counted elsewhere and looked at only when the time is over. */
import type { Clock } from '../../../common/index.ts'

export class SilenceTimer {
  private readonly clock: Clock
  private readonly onSilent: () => void
  private readonly movedBytes: () => number
  private seenBytes = 0
  private movedMs = 0
  private limitMs = Number.POSITIVE_INFINITY
  private forget: () => void = () => {}

  /** Nothing is limited before `allow`. @param movedBytes rises as bytes move of which `moved` is not called. */
  constructor(clock: Clock, onSilent: () => void, movedBytes: () => number = () => 0) {
    this.clock = clock
    this.onSilent = onSilent
    this.movedBytes = movedBytes
  }

  /** From now on silence may last so long. */
  allow(limitMs: number): void {
    this.limitMs = limitMs
    this.moved()
    this.wait(limitMs)
  }

  /** Something has come or gone. */
  moved(): void {
    this.movedMs = this.clock.nowMs()
    this.seenBytes = this.movedBytes()
  }

  stop(): void {
    this.forget()
  }

  private wait(delayMs: number): void {
    this.forget()
    this.forget = this.clock.after(delayMs, () => {
      if (this.movedBytes() !== this.seenBytes) this.moved()
      const leftMs = this.limitMs - (this.clock.nowMs() - this.movedMs)
      if (leftMs > 0) this.wait(leftMs)
      else this.onSilent()
    })
  }
}
