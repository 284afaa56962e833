/**
 * How often a model is wanted: an estimate of its request rate from the requests seen so far.
 *
 * For each half-life h the estimator keeps an exponentially decayed rate, r = sum over requests of lambda * exp(-lambda * age)
 * with lambda = ln 2 / h, and the estimate is the weighted mean over the half-lives. Why several: with one half-life one has
 * to choose between noticing a burst (minutes) and remembering a model that is used every night (hours). Each component is an
 * unbiased estimate of a constant rate, so the mixture is one too; and after the last request the mixture falls like a power
 * of the time since, which is how requests for models really thin out, and not like one exponential that writes a model off
 * suddenly. Decay is lazy: a model costs nothing while nobody asks for it.
 *
 * A model that was never seen starts each component at `priorRatePerS`. That is the mean of a Bayesian estimate whose prior
 * weighs as much as one time constant of observation, and it fades at the same pace as evidence does.
 *
 * The estimate of one model depends on that model's requests alone.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'
import { ModelPlaces, withRoom } from './model-places.ts'

export interface DemandOptions {
  /**
   * Five minutes see a burst, half an hour a session of work, six hours keep the memory of a shift. Replays of 121 functions
   * over eight hours with half-lives below two minutes waited longer: what they add is mostly noise.
   */
  readonly halfLivesMs: readonly number[]
  /** Share of each half-life in the estimate, in any unit. */
  readonly weights: readonly number[]
  /** Taken of a model at its first sight: one request in ten minutes, typical of the long tail of public traces. */
  readonly priorRatePerS: number
  /** A model that is wanted less is forgotten when room is needed: one request in some four months. */
  readonly floorRatePerS: number
  /** Models tracked. At about 200 bytes each the default is 13 MB; beyond it the least wanted quarter is forgotten. */
  readonly modelsMax: number
}

export const defaultDemandOptions: DemandOptions = {
  halfLivesMs: [300_000, 1_800_000, 21_600_000],
  weights: [1, 1, 1],
  priorRatePerS: 1 / 600,
  floorRatePerS: 1e-7,
  modelsMax: 65_536,
}

export interface ModelRate {
  readonly model: ModelId
  readonly ratePerS: number
}

export class RateDemand {
  readonly options: DemandOptions
  private readonly places = new ModelPlaces()
  /** A row per model: the time at which its rates are right, and the rates. They are brought forward when they are needed. */
  private rows = new Float64Array(0)
  private readonly width: number
  private readonly mayForget: (model: ModelId) => boolean
  private readonly decaysPerMs: readonly number[]
  private readonly shares: readonly number[]
  private forgetAtCount: number

  /** @param mayForget false for a model to be remembered whatever its demand; such models may exceed `modelsMax`. */
  constructor(options: Partial<DemandOptions> = {}, mayForget: (model: ModelId) => boolean = () => true) {
    this.options = { ...defaultDemandOptions, ...options }
    const { halfLivesMs, weights, modelsMax } = this.options
    assertInvariant(
      halfLivesMs.length > 0 && halfLivesMs.length === weights.length,
      `${halfLivesMs.length} half-lives need as many weights, not ${weights.length}`,
    )
    assertInvariant(
      halfLivesMs.every((value) => value > 0) && weights.every((value) => value > 0),
      'half-lives and weights of demand are positive',
    )
    assertInvariant(modelsMax >= 1, `demand must be tracked for one model at least, not ${modelsMax}`)
    const weightSum = weights.reduce((sum, weight) => sum + weight, 0)
    this.mayForget = mayForget
    this.decaysPerMs = halfLivesMs.map((halfLifeMs) => Math.LN2 / halfLifeMs)
    this.shares = weights.map((weight) => weight / weightSum)
    this.width = 1 + halfLivesMs.length
    this.forgetAtCount = modelsMax
  }

  /** How fast an estimate can fall: by at most exp(-decayPerMsMax) per millisecond. */
  get decayPerMsMax(): number {
    return Math.max(...this.decaysPerMs)
  }

  get modelCount(): number {
    return this.places.size
  }

  /** Counts a request. A time before the last one counts as the last one. */
  record(model: ModelId, nowMs: number): void {
    const row = this.rowAt(model, nowMs)
    const { rows, decaysPerMs } = this
    for (let index = 0; index < decaysPerMs.length; index++) rows[row + 1 + index]! += decaysPerMs[index]! * 1000
  }

  /** Makes a model known without a request, so that it has the prior: one that was prefetched or pinned. */
  introduce(model: ModelId, nowMs: number): void {
    if (!this.places.has(model)) this.rowAt(model, nowMs)
  }

  /** 0 for a model that was never seen or has been forgotten. */
  ratePerS(model: ModelId, nowMs: number): number {
    const place = this.places.of(model)
    return place === undefined ? 0 : this.rateOf(place, nowMs)
  }

  /** The most wanted models, most wanted first, ties by id; none whose demand is below the floor. */
  top(count: number, nowMs: number): ModelRate[] {
    const best: ModelRate[] = []
    let least = this.options.floorRatePerS
    for (const [model, place] of this.places.entries()) {
      const ratePerS = this.rateOf(place, nowMs)
      if (ratePerS < least) continue
      best.push({ model, ratePerS })
      // Twice the count, then cut: one pass over many models costs few and small sorts.
      if (best.length < 2 * count) continue
      best.sort(mostWantedFirst).length = count
      least = best.at(-1)?.ratePerS ?? Number.POSITIVE_INFINITY
    }
    return best.sort(mostWantedFirst).slice(0, count)
  }

  private rateOf(place: number, nowMs: number): number {
    const { rows, decaysPerMs, shares } = this
    const row = place * this.width
    const elapsedMs = Math.max(0, nowMs - rows[row]!)
    let ratePerS = 0
    for (let index = 0; index < shares.length; index++) {
      ratePerS += shares[index]! * rows[row + 1 + index]! * Math.exp(-decaysPerMs[index]! * elapsedMs)
    }
    return ratePerS
  }

  /** Where the row of a model begins, brought forward to now; a new one with the prior when there is none. */
  private rowAt(model: ModelId, nowMs: number): number {
    const place = this.places.of(model)
    if (place === undefined) return this.addRow(model, nowMs)
    const { rows, decaysPerMs } = this
    const row = place * this.width
    const elapsedMs = nowMs - rows[row]!
    if (elapsedMs <= 0) return row
    for (let index = 0; index < decaysPerMs.length; index++) {
      rows[row + 1 + index]! *= Math.exp(-decaysPerMs[index]! * elapsedMs)
    }
    rows[row] = nowMs
    return row
  }

  private addRow(model: ModelId, nowMs: number): number {
    if (this.places.size >= this.forgetAtCount) this.forget(nowMs)
    const row = this.places.take(model) * this.width
    this.rows = withRoom(this.rows, row + this.width, (length) => new Float64Array(length))
    this.rows[row] = nowMs
    this.rows.fill(this.options.priorRatePerS, row + 1, row + this.width)
    return row
  }

  /** Forgets what is below the floor, and the least wanted beyond three quarters of the limit, so that this happens rarely. */
  private forget(nowMs: number): void {
    const { modelsMax, floorRatePerS } = this.options
    const rates: ModelRate[] = []
    for (const [model, place] of this.places.entries()) {
      if (this.mayForget(model)) rates.push({ model, ratePerS: this.rateOf(place, nowMs) })
    }
    rates.sort(mostWantedFirst)
    const goalCount = Math.floor(modelsMax * 0.75)
    while (rates.length > 0 && (this.places.size > goalCount || rates.at(-1)!.ratePerS < floorRatePerS)) {
      this.places.release(rates.pop()!.model)
    }
    this.forgetAtCount = Math.max(modelsMax, this.places.size + Math.ceil(modelsMax * 0.25))
  }
}

function mostWantedFirst(left: ModelRate, right: ModelRate): number {
  return right.ratePerS - left.ratePerS || compareIds(left.model, right.model)
}
