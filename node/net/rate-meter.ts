/**
 * Counts events per key in fixed windows: `note` answers whether the key has exceeded its budget in the current window. Keys that
 * were silent for a window are forgotten, so that the memory is bounded by the keys of two windows.
 */
export interface RateMeterOptions {
  readonly eventsMax: number
  readonly windowMs: number
}

export class RateMeter {
  private readonly options: RateMeterOptions
  private readonly counts = new Map<string, number>()
  private windowStartMs = Number.NEGATIVE_INFINITY

  constructor(options: RateMeterOptions) {
    this.options = options
  }

  /** Records one event; true when it is one too many. */
  note(key: string, nowMs: number): boolean {
    if (nowMs - this.windowStartMs >= this.options.windowMs) {
      this.counts.clear()
      this.windowStartMs = nowMs
    }
    const count = (this.counts.get(key) ?? 0) + 1
    this.counts.set(key, count)
    return count > this.options.eventsMax
  }
}
