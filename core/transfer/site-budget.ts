/**
 * What all nodes of one site together take over wide-area lines: from other zones and from the origin. Each node of the site that fetches
 * takes an equal share of the rate. Nobody hands shares out: every node knows by gossip how many fetch.
 *
 * A chunk is charged whole when it is asked for, and may be asked for while anything is left: so a chunk larger than what is left is asked
 * for too, and the next one waits until that is made up for.
 */
export interface SiteBudgetOptions {
  /** Of the site; 0: no limit. */
  readonly siteInBytesPerS: number
  /** A share that is not used is kept for so long. */
  readonly siteBurstMs: number
  /** How long a count of the nodes that fetch is good for: about the time until news of a fetch are here. */
  readonly siteCountMs: number
}

export const defaultSiteBudgetOptions: SiteBudgetOptions = { siteInBytesPerS: 0, siteBurstMs: 1_000, siteCountMs: 500 }

export class SiteBudget {
  private readonly options: SiteBudgetOptions
  private readonly fetcherCount: (nowMs: number) => number
  private bytesPerS: number
  private leftBytes: number
  private filledAtMs = Number.NEGATIVE_INFINITY
  private countedAtMs = Number.NEGATIVE_INFINITY

  /** @param fetcherCount other nodes of the site that fetch now. */
  constructor(fetcherCount: (nowMs: number) => number, options: SiteBudgetOptions = defaultSiteBudgetOptions) {
    this.options = options
    this.fetcherCount = fetcherCount
    this.bytesPerS = options.siteInBytesPerS
    this.leftBytes = 0
  }

  get isLimited(): boolean {
    return this.options.siteInBytesPerS > 0
  }

  isOpen(nowMs: number): boolean {
    if (!this.isLimited) return true
    this.fill(nowMs)
    return this.leftBytes > 0
  }

  charge(sizeBytes: number): void {
    if (this.isLimited) this.leftBytes -= sizeBytes
  }

  /** What was charged and did not come. */
  giveBack(sizeBytes: number): void {
    if (this.isLimited) this.leftBytes += sizeBytes
  }

  private fill(nowMs: number): void {
    const { siteInBytesPerS, siteBurstMs, siteCountMs } = this.options
    if (nowMs - this.countedAtMs >= siteCountMs) {
      this.countedAtMs = nowMs
      this.bytesPerS = siteInBytesPerS / (1 + this.fetcherCount(nowMs))
    }
    const maxBytes = (this.bytesPerS * siteBurstMs) / 1_000
    const filledBytes = this.leftBytes + (this.bytesPerS * (nowMs - this.filledAtMs)) / 1_000
    this.leftBytes = Math.min(maxBytes, filledBytes)
    this.filledAtMs = nowMs
  }
}
