/**
 * What happened in a run, one line per event, and a hash over all of it: two runs of one seed are the same run exactly when
 * their hashes are equal.
 */
export class EventLog {
  private readonly linesMax: number
  private readonly last: string[] = []
  private low = 0x811c9dc5
  private high = 0x01000193
  private count = 0

  /** @param linesMax lines kept for a failure report; the hash covers all. */
  constructor(linesMax = 200) {
    this.linesMax = linesMax
  }

  add(nowMs: number, text: string): void {
    const line = `${nowMs.toFixed(3)} ${text}`
    this.count += 1
    // FNV-1a in two lanes: 64 bits, not for secrets.
    for (let at = 0; at < line.length; at += 1) {
      const unit = line.charCodeAt(at)
      this.low = Math.imul(this.low ^ unit, 0x01000193)
      this.high = Math.imul(this.high ^ unit, 0x85ebca6b)
    }
    this.last.push(line)
    if (this.last.length > 2 * this.linesMax) this.last.splice(0, this.linesMax)
  }

  get lineCount(): number {
    return this.count
  }

  get hash(): string {
    return [this.high, this.low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
  }

  tail(count: number): string[] {
    return this.last.slice(-count)
  }
}
