/**
 * What the gaps of a model promise: a rate, from two explanations of them.
 *
 * Habit: each gap is drawn from the model's histogram. Its hazards start from those of the peers and of chance, which together
 * weigh as much as `peerWeight` gaps; so a model with few gaps is neither a stranger nor a slave of its first one.
 *
 * Chance: requests come at the model's mean rate, however long the silence. That is what a plain frequency count believes, and
 * where it is right nothing is better; a histogram of chance sees habits in noise and then waits for them (measured: up to 15 %
 * longer delays than the count on requests drawn from a Poisson process).
 *
 * Each gap, when it ends, judges the two by their probability of it (Bayes' rule), older gaps weighing less. Both are believed by these
 * odds, and by the silence so far: one that did not expect it loses weight while it lasts.
 *
 * From the hazards p(k) of the mixture beyond the present idle time the rate is
 *
 *   max over horizons h of P(next request within h) / E[time until the request or h]
 *
 * For a request that is certain in d seconds that is 1 / d, what the oracle BeladyAM knows; when hazards fall, the hazard now;
 * when they rise, one over the expected remaining time. It is the index of Gittins ("Bandit processes and dynamic allocation
 * indices", 1979) for a slot that a model may occupy and leave: how much use per time it promises at best. A plain mean would
 * let the one long silence that may come hide the ten requests that come before.
 */
import { GapBins } from './gap-bins.ts'

export interface GapRecord {
  /** Own gaps by the bin in which they ended, in a column in which those of the model begin at `from`. */
  readonly counts: Float32Array
  readonly from: number
  /** Of these. */
  readonly total: number
  /** Of the peers. */
  readonly hazards: Float64Array
  /** Of chance against habit, as a logarithm; 0 before the first gap. */
  readonly logOdds: number
}

export interface RateOptions {
  /** Weight of what a model's hazards start from, in gaps. */
  readonly peerWeight: number
}

/** Of chance in what a habit starts from. It fades with the chance of a silence that long: then the peers know better. */
const chanceShareAtFirst = 0.5
/** Neither is ever believed beyond doubt, or a change would be noticed too late. At e^5 for chance functions waited 2 % longer. */
const [logOddsMin, logOddsMax] = [-5, 1]
/** What a gap says of the odds fades by half within 35 gaps. */
const oddsMemory = 0.98
/** Hazards beyond this chance of still being silent hardly matter, and most of the time would go into them. */
const silenceMin = 0.02
/** Nothing is certain to end in a bin. */
const hazardMax = 0.9999
/** Odds beyond which the other explanation has no say; the next factor must not overflow. */
const oddsMax = 1e9
const widthsS = Float64Array.from({ length: GapBins.count }, (_, bin) => GapBins.widthS(bin))

/** The odds after a gap, with the hazards of chance at the model's mean rate. It ended in `bin`; the record must not contain it yet. */
export function judgeGap(
  { counts, from, total, hazards, logOdds }: GapRecord,
  chances: Float64Array,
  { peerWeight }: RateOptions,
  bin: number,
): number {
  let reached = total
  let odds = 1
  let chanceShare = chanceShareAtFirst
  for (let index = 0; index <= bin; index++) {
    const ended = counts[from + index]!
    const chance = chances[index]!
    const start = hazards[index]! + chanceShare * (chance - hazards[index]!)
    chanceShare *= 1 - chance
    const habit = Math.min(hazardMax, (ended + peerWeight * start) / (reached + peerWeight))
    reached -= ended
    odds *= index === bin ? chance / habit : (1 - chance) / (1 - habit)
  }
  return Math.max(logOddsMin, Math.min(logOddsMax, oddsMemory * logOdds + Math.log(odds)))
}

export function promisedRatePerS(
  record: GapRecord,
  chances: Float64Array,
  { peerWeight }: RateOptions,
  idleS: number,
): number {
  const { counts, from, total, hazards } = record
  const first = GapBins.of(idleS)
  let reached = total
  let chanceShare = chanceShareAtFirst
  /** Habit's chance of the silence so far; chance's is in its share. One division per bin: most of a plan's time goes into this. */
  let stayed = 1
  for (let bin = 0; bin < first; bin++) {
    const chance = chances[bin]!
    const start = hazards[bin]! + chanceShare * (chance - hazards[bin]!)
    chanceShare *= 1 - chance
    const atRisk = reached + peerWeight
    reached -= counts[from + bin]!
    stayed *= (reached + peerWeight * (1 - start)) / atRisk
  }
  let odds = Math.min(oddsMax, (Math.exp(record.logOdds) * chanceShare) / (chanceShareAtFirst * stayed))
  let silence = 1
  let returned = 0
  let waitedS = 0
  let rate = 0
  for (let bin = first; bin < GapBins.count; bin++) {
    const ended = counts[from + bin]!
    let widthS = widthsS[bin]!
    const chance = chances[bin]!
    const start = hazards[bin]! + chanceShare * (chance - hazards[bin]!)
    chanceShare *= 1 - chance
    const habit = Math.min(hazardMax, (ended + peerWeight * start) / (reached + peerWeight))
    reached -= ended
    let hazard = Math.min(hazardMax, (habit + odds * chance) / (1 + odds))
    odds = Math.min(oddsMax, (odds * (1 - chance)) / (1 - habit))
    if (bin === first) {
      // What is left of the present bin, and of its hazard; a twentieth at least, since nobody knows it that well.
      const left = Math.max(0.05, Math.min(1, (GapBins.endS(bin) - idleS) / widthS))
      widthS *= left
      hazard *= left
    }
    waitedS += silence * widthS * (1 - hazard / 2)
    returned += silence * hazard
    if (returned > rate * waitedS) rate = returned / waitedS
    silence *= 1 - hazard
    if (silence < silenceMin) break
  }
  return rate
}
