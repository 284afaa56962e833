/**
 * Gaps between requests on a logarithmic scale: four bins per doubling of 1 s + gap, from nothing to three days.
 *
 *   bin      0          1            2                71
 *   |--------|----------|------------|--- ... --------|------->
 *   0 s    0.19 s     0.41 s       0.68 s           61 h
 *
 * The fourth root of two is fine enough to tell a timer of five minutes from one of six, and coarse enough that a dozen gaps of
 * an irregular model meet in the same bins.
 */
const binCount = 72
const binsPerDoubling = 4
const startsS = Float64Array.from({ length: binCount + 1 }, (_, bin) => 2 ** (bin / binsPerDoubling) - 1)

/** From once in thirty years to a million per second: beyond, nothing is decided. 800 tables at most. */
const [rateMinPerS, rateMaxPerS] = [1e-9, 1e6]
const ratesPerDoubling = 16
const hazardsByRate: Float64Array[] = []

export const GapBins = {
  count: binCount,
  /** Where the last bin, which has no end, begins. */
  lastStartS: startsS[binCount - 1]!,

  of(gapS: number): number {
    return Math.min(binCount - 1, Math.floor(binsPerDoubling * Math.log2(1 + gapS)))
  },

  endS(bin: number): number {
    return startsS[bin + 1]!
  },

  widthS(bin: number): number {
    return startsS[bin + 1]! - startsS[bin]!
  },

  /** Hazards of one who knows nothing: silence falls like a power of its length, which prefers no time scale. */
  unknownHazards(): Float64Array {
    return new Float64Array(binCount).fill(0.1)
  },

  /**
   * Hazards of chance with a mean gap. Never above 0.3 per bin: to chance a silence of many mean gaps is impossible, but models do
   * fall silent.
   */
  hazardsOfChance(meanS: number): Float64Array {
    return Float64Array.from({ length: binCount }, (_, bin) =>
      Math.min(0.3, 1 - Math.exp(-GapBins.widthS(bin) / meanS)),
    )
  },

  /**
   * Hazards of chance at a rate, not bounded, to within 2 %: there is one table per sixteenth of a doubling of the rate, made when it
   * is first asked for, because an exponential per bin would be most of what a plan takes.
   */
  hazardsOfRate(ratePerS: number): Float64Array {
    const bounded = Math.max(rateMinPerS, Math.min(rateMaxPerS, ratePerS))
    const place = Math.round(Math.log2(bounded / rateMinPerS) * ratesPerDoubling)
    let hazards = hazardsByRate[place]
    if (hazards === undefined) {
      const rate = rateMinPerS * 2 ** (place / ratesPerDoubling)
      hazards = Float64Array.from({ length: binCount }, (_, bin) => 1 - Math.exp(-GapBins.widthS(bin) * rate))
      hazardsByRate[place] = hazards
    }
    return hazards
  },
} as const

/**
 * Gaps by the bin in which they ended, older ones at less than one, in a column that begins at `first`. A history that reaches
 * `totalMax` is halved.
 *
 * @param total of all bins before.
 * @returns the total with this gap.
 */
export function addGap(counts: Float32Array, first: number, bin: number, total: number, totalMax: number): number {
  counts[first + bin]! += 1
  if (total + 1 < totalMax) return total + 1
  for (let at = first; at < first + binCount; at++) counts[at]! /= 2
  return (total + 1) / 2
}

/**
 * Gaps of many models together, with those that have not ended.
 *
 * Hazard of a bin: the share of gaps that ended there of those that reached it, started with the weight of one gap from `prior`.
 * Hazards are brought up to date after each of the first changes and then after every sixteenth, never because someone asks: what
 * is answered depends on the requests alone, and neither a request nor a plan pays for all bins.
 */
export class PeerGaps {
  readonly hazards: Float64Array
  private readonly prior: Float64Array
  private readonly counts = new Float32Array(binCount)
  private total = 0
  private readonly totalMax: number
  private openCount = 0
  private changeCount = 0

  constructor(totalMax: number, prior: Float64Array) {
    this.totalMax = totalMax
    this.prior = prior
    this.hazards = prior.slice()
  }

  open(): void {
    this.openCount += 1
    this.changed()
  }

  close(bin: number): void {
    this.openCount = Math.max(0, this.openCount - 1)
    this.total = addGap(this.counts, 0, bin, this.total, this.totalMax)
    this.changed()
  }

  private changed(): void {
    this.changeCount += 1
    if (this.changeCount > eagerChanges && this.changeCount % changesPerUpdate !== 0) return
    const { counts } = this
    let reached = this.openCount
    for (let bin = binCount - 1; bin >= 0; bin--) {
      reached += counts[bin]!
      this.hazards[bin] = (counts[bin]! + this.prior[bin]!) / (reached + 1)
    }
  }
}

const eagerChanges = 64
const changesPerUpdate = 16
