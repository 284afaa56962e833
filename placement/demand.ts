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
import { compareIds } from './cost.ts'
import { assertInvariant } from './errors.ts'
import type { ModelId } from './types.ts'

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

interface Track {
  /** Time at which `ratesPerS` are right; they are brought forward when they are needed. */
  atMs: number
  readonly ratesPerS: number[]
}

export class DemandEstimator {
  readonly options: DemandOptions
  private readonly tracks = new Map<ModelId, Track>()
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
    this.forgetAtCount = modelsMax
  }

  /** How fast an estimate can fall: by at most exp(-decayPerMsMax) per millisecond. */
  get decayPerMsMax(): number {
    return Math.max(...this.decaysPerMs)
  }

  get modelCount(): number {
    return this.tracks.size
  }

  /** Counts a request. A time before the last one counts as the last one. */
  record(model: ModelId, nowMs: number): void {
    const { ratesPerS } = this.trackAt(model, nowMs)
    for (let index = 0; index < ratesPerS.length; index++) ratesPerS[index]! += this.decaysPerMs[index]! * 1000
  }

  /** Makes a model known without a request, so that it has the prior: one that was prefetched or pinned. */
  introduce(model: ModelId, nowMs: number): void {
    if (!this.tracks.has(model)) this.trackAt(model, nowMs)
  }

  /** 0 for a model that was never seen or has been forgotten. */
  ratePerS(model: ModelId, nowMs: number): number {
    const track = this.tracks.get(model)
    return track === undefined ? 0 : this.rateOf(track, nowMs)
  }

  /** The most wanted models, most wanted first, ties by id; none whose demand is below the floor. */
  top(count: number, nowMs: number): ModelRate[] {
    const best: ModelRate[] = []
    let least = this.options.floorRatePerS
    for (const [model, track] of this.tracks) {
      const ratePerS = this.rateOf(track, nowMs)
      if (ratePerS < least) continue
      best.push({ model, ratePerS })
      // Twice the count, then cut: one pass over many models costs few and small sorts.
      if (best.length < 2 * count) continue
      best.sort(mostWantedFirst).length = count
      least = best.at(-1)?.ratePerS ?? Number.POSITIVE_INFINITY
    }
    return best.sort(mostWantedFirst).slice(0, count)
  }

  private rateOf(track: Track, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - track.atMs)
    const { decaysPerMs, shares } = this
    let ratePerS = 0
    for (let index = 0; index < shares.length; index++) {
      ratePerS += shares[index]! * track.ratesPerS[index]! * Math.exp(-decaysPerMs[index]! * elapsedMs)
    }
    return ratePerS
  }

  /** The track of a model, brought forward to now; a new one with the prior when there is none. */
  private trackAt(model: ModelId, nowMs: number): Track {
    const track = this.tracks.get(model)
    if (track === undefined) return this.addTrack(model, nowMs)
    const elapsedMs = nowMs - track.atMs
    if (elapsedMs <= 0) return track
    for (let index = 0; index < track.ratesPerS.length; index++) {
      track.ratesPerS[index]! *= Math.exp(-this.decaysPerMs[index]! * elapsedMs)
    }
    track.atMs = nowMs
    return track
  }

  private addTrack(model: ModelId, nowMs: number): Track {
    if (this.tracks.size >= this.forgetAtCount) this.forget(nowMs)
    const track: Track = { atMs: nowMs, ratesPerS: this.shares.map(() => this.options.priorRatePerS) }
    this.tracks.set(model, track)
    return track
  }

  /** Forgets what is below the floor, and the least wanted beyond three quarters of the limit, so that this happens rarely. */
  private forget(nowMs: number): void {
    const { modelsMax, floorRatePerS } = this.options
    const rates: ModelRate[] = []
    for (const [model, track] of this.tracks) {
      if (this.mayForget(model)) rates.push({ model, ratePerS: this.rateOf(track, nowMs) })
    }
    rates.sort(mostWantedFirst)
    const goalCount = Math.floor(modelsMax * 0.75)
    while (rates.length > 0 && (this.tracks.size > goalCount || rates.at(-1)!.ratePerS < floorRatePerS)) {
      this.tracks.delete(rates.pop()!.model)
    }
    this.forgetAtCount = Math.max(modelsMax, this.tracks.size + Math.ceil(modelsMax * 0.25))
  }
}

function mostWantedFirst(left: ModelRate, right: ModelRate): number {
  return right.ratePerS - left.ratePerS || compareIds(left.model, right.model)
}
