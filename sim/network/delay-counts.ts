/** Counts delays in steps of ten milliseconds, up to a minute: percentiles over millions of them in little memory. */
const stepMs = 10
const stepCount = 6_000

export class DelayCounts {
  count = 0
  private readonly counts = new Uint32Array(stepCount + 1)

  add(delayMs: number): void {
    this.count += 1
    this.counts[Math.min(stepCount, Math.floor(delayMs / stepMs))]! += 1
  }

  /** The end of the step in which it lies; 0 when nothing was counted. */
  percentileMs(percent: number): number {
    let left = (this.count * percent) / 100
    for (let step = 0; step <= stepCount; step += 1) {
      left -= this.counts[step]!
      if (left <= 0 && this.count > 0) return (step + 1) * stepMs
    }
    return 0
  }

  clear(): void {
    this.count = 0
    this.counts.fill(0)
  }
}
