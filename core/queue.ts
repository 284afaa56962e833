/**
 * Feeds one state machine and carries its effects out. An event that arises while effects are carried out waits its turn, so that a
 * machine is never entered twice and an effect may answer at once.
 */

/** An event as its adapter gives it in: the queue's step adds the time at which its turn comes. */
export type Timeless<E> = E extends unknown ? Omit<E, 'nowMs'> : never

export class StepQueue<E, F> {
  private readonly waiting: E[] = []
  private readonly step: (event: E) => readonly F[]
  private readonly execute: (effect: F) => void
  private isRunning = false

  constructor(step: (event: E) => readonly F[], execute: (effect: F) => void) {
    this.step = step
    this.execute = execute
  }

  dispatch(event: E): void {
    if (this.isRunning) {
      this.waiting.push(event)
      return
    }
    this.isRunning = true
    try {
      // Nearly always nothing waits, even if an earlier effect threw: what waits then came before this event.
      if (this.waiting.length > 0) this.waiting.push(event)
      else this.run(event)
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) this.run(next)
    } finally {
      this.isRunning = false
    }
  }

  private run(event: E): void {
    const effects = this.step(event)
    for (let at = 0; at < effects.length; at += 1) this.execute(effects[at]!)
  }
}
