/**
 * Ends forwards that no holder answers in time. Nearly all are answered within milliseconds, so they stand in a line and only the first
 * that is still open has an event: one per forward would be most of the events of a run.
 */

export interface ForwardLimitsPorts {
  later(delayMs: number, run: () => void): void
  nowMs(): number
}

export class ForwardLimit {
  readonly dueMs: number
  private readonly onExpired: () => void
  private isOver = false

  constructor(dueMs: number, onExpired: () => void) {
    this.dueMs = dueMs
    this.onExpired = onExpired
  }

  get isOpen(): boolean {
    return !this.isOver
  }

  /** False when it has ended before: what comes now comes too late. */
  end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    return true
  }

  expire(): void {
    if (this.end()) this.onExpired()
  }
}

export class ForwardLimits {
  private readonly ports: ForwardLimitsPorts
  private readonly usualMs: number
  /** In the order in which they are due. */
  private line: ForwardLimit[] = []
  private isWatching = false

  /** @param usualMs what nearly all forwards have; a nearer deadline gets an event of its own. */
  constructor(ports: ForwardLimitsPorts, usualMs: number) {
    this.ports = ports
    this.usualMs = usualMs
  }

  begin(timeoutMs: number, onExpired: () => void): ForwardLimit {
    const limit = new ForwardLimit(this.ports.nowMs() + timeoutMs, onExpired)
    if (timeoutMs < this.usualMs) this.ports.later(timeoutMs, () => limit.expire())
    else {
      this.line.push(limit)
      if (!this.isWatching) this.watch()
    }
    return limit
  }

  private watch(): void {
    this.line = this.line.filter(({ isOpen }) => isOpen)
    const first = this.line[0]
    this.isWatching = first !== undefined
    if (first === undefined) return
    this.ports.later(Math.max(0, first.dueMs - this.ports.nowMs()), () => {
      first.expire()
      this.watch()
    })
  }
}
