/**
 * How soon a model is wanted again: learnt from the gaps between its requests, and from those of models like it.
 *
 * Every model has a histogram of its gaps on a logarithmic scale, four bins per doubling, from a second to three days. Let p(k) be
 * the share of the gaps that reached bin k and ended in it: a hazard. A timer shows as one high hazard after a silence, a burst as
 * a high one at once that falls steeply, a working day as a second hill at the length of a night. return-rate.ts makes a rate of them,
 * and weighs them against pure chance at the model's mean rate, which is all that a frequency count knows.
 *
 * One model's gaps are too few, so its hazards start from those of its peers: models whose gaps have the same magnitude (the mean of
 * their logarithms), and for a model asked for once, all first gaps. Theirs in turn start from chance at that magnitude. Gaps
 * that are still open count as having gone on: what was asked for once and never again teaches that of all new models.
 *
 * The mean rate is the count of requests over the time that the estimator watches, not over the time since the model's first
 * request: that it was not asked for before then says as much. Both fade within a week.
 *
 * Deterministic, no clock; histories depend on requests alone, and asking changes nothing.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'
import { addGap, GapBins, PeerGaps } from './gap-bins.ts'
import { ModelPlaces, withRoom } from './model-places.ts'
import { type GapRecord, judgeGap, promisedRatePerS } from './return-rate.ts'

export interface ReturnOptions {
  /** Weight of what a model's hazards start from, in gaps. A half: one own gap outweighs it. From 0.5 to 4 delays hardly differ. */
  readonly peerWeight: number
  /** A history of so many gaps is halved, so that it follows change: 256 keeps 128 to 256. */
  readonly ownGapsMax: number
  /** The same for the gaps of peers together. */
  readonly peerGapsMax: number
  /** Models tracked, at about half a kilobyte each; beyond it the quarter silent longest is forgotten. */
  readonly modelsMax: number
}

export const defaultReturnOptions: ReturnOptions = {
  peerWeight: 0.5,
  ownGapsMax: 256,
  peerGapsMax: 20_000,
  modelsMax: 16_384,
}

/** Where in the row of a model its numbers are. */
const lastMs = 0
const gapCount = 1
/** Of the gaps that are kept. */
const gapTotal = 2
/** At the last request, that one included; older ones count less. */
const requestCount = 3
const logOdds = 4
/** Mean of log2(1 + gap in seconds), the latest ten gaps weighing most. */
const magnitude = 5
const rowWidth = 6

/** The latest gap's share in the magnitude: small enough to be a habit, large enough to follow a change of habits. */
const magnitudeShareMin = 0.1
/** A week has every day once. */
const memoryS = 7 * 24 * 3600
/** Added to the time watched, so that the first requests of all promise no storm: as if ten minutes had been silent before. */
const watchedS = 600

export class GapDemand {
  readonly options: ReturnOptions
  private readonly places = new ModelPlaces()
  private rows = new Float64Array(0)
  /** Gaps of each model by bin. */
  private counts = new Float32Array(0)
  /** By place: those of whom a model's hazards start. */
  private readonly peers: PeerGaps[] = []
  private readonly mayForget: (model: ModelId) => boolean
  private readonly firstGaps: PeerGaps
  private readonly byMagnitude: PeerGaps[] = []
  private forgetAtCount: number
  private startMs = Number.NaN

  /** @param mayForget false for a model to be remembered whatever happens; such models may exceed `modelsMax`. */
  constructor(options: Partial<ReturnOptions> = {}, mayForget: (model: ModelId) => boolean = () => true) {
    this.options = { ...defaultReturnOptions, ...options }
    const { peerWeight, ownGapsMax, peerGapsMax, modelsMax } = this.options
    assertInvariant(peerWeight > 0, `the weight of peers is positive, not ${peerWeight}`)
    assertInvariant(Math.min(ownGapsMax, peerGapsMax) >= 2, 'a history holds two gaps at least')
    assertInvariant(modelsMax >= 1, `one model at least must be tracked, not ${modelsMax}`)
    this.mayForget = mayForget
    this.forgetAtCount = modelsMax
    this.firstGaps = new PeerGaps(peerGapsMax, GapBins.unknownHazards())
  }

  get modelCount(): number {
    return this.places.size
  }

  /** Counts a request. A time before the last one counts as the last one. */
  record(model: ModelId, nowMs: number): void {
    const place = this.places.of(model)
    if (place === undefined) {
      this.introduce(model, nowMs)
      return
    }
    const { rows, counts, peers, options } = this
    const row = place * rowWidth
    const gapS = Math.max(0, nowMs - rows[row + lastMs]!) / 1000
    const bin = GapBins.of(gapS)
    rows[row + logOdds] = judgeGap(this.recordOf(place), this.chancesOf(row, rows[row + lastMs]!), options, bin)
    if (nowMs > rows[row + lastMs]!) rows[row + lastMs] = nowMs
    peers[place]!.close(bin)
    rows[row + gapTotal] = addGap(counts, place * GapBins.count, bin, rows[row + gapTotal]!, options.ownGapsMax)
    rows[row + gapCount]! += 1
    rows[row + requestCount] = 1 + rows[row + requestCount]! * Math.exp(-gapS / memoryS)
    const share = Math.max(1 / rows[row + gapCount]!, magnitudeShareMin)
    rows[row + magnitude]! += (Math.log2(1 + gapS) - rows[row + magnitude]!) * share
    peers[place] = this.peersOf(rows[row + magnitude]!)
    peers[place].open()
  }

  /** Makes a model known as if it had just been asked for the first time: one that was prefetched or pinned. */
  introduce(model: ModelId, nowMs: number): void {
    if (this.places.has(model)) return
    if (this.places.size >= this.forgetAtCount) this.forget()
    if (Number.isNaN(this.startMs)) this.startMs = nowMs
    const place = this.places.take(model)
    const [row, from] = [place * rowWidth, place * GapBins.count]
    this.rows = withRoom(this.rows, row + rowWidth, (length) => new Float64Array(length))
    this.counts = withRoom(this.counts, from + GapBins.count, (length) => new Float32Array(length))
    this.rows.fill(0, row, row + rowWidth)
    this.counts.fill(0, from, from + GapBins.count)
    this.rows[row + lastMs] = nowMs
    this.rows[row + requestCount] = 1
    this.peers[place] = this.firstGaps
    this.firstGaps.open()
  }

  /** 0 for a model that was never seen or has been forgotten. */
  ratePerS(model: ModelId, nowMs: number): number {
    const place = this.places.of(model)
    if (place === undefined) return 0
    const row = place * rowWidth
    const idleS = Math.max(0, nowMs - this.rows[row + lastMs]!) / 1000
    return promisedRatePerS(this.recordOf(place), this.chancesOf(row, nowMs), this.options, idleS)
  }

  /** True when the silence is longer than any gap that can be told from another. */
  isSilent(model: ModelId, nowMs: number): boolean {
    const place = this.places.of(model)
    return place === undefined || (nowMs - this.rows[place * rowWidth + lastMs]!) / 1000 >= GapBins.lastStartS
  }

  private recordOf(place: number): GapRecord {
    const { rows, counts, peers } = this
    const row = place * rowWidth
    return {
      counts,
      from: place * GapBins.count,
      total: rows[row + gapTotal]!,
      hazards: peers[place]!.hazards,
      logOdds: rows[row + logOdds]!,
    }
  }

  /** Hazards at the mean rate of the model, which falls while it is silent. */
  private chancesOf(row: number, nowMs: number): Float64Array {
    const idleS = Math.max(0, nowMs - this.rows[row + lastMs]!) / 1000
    const watchingS = Math.max(0, nowMs - this.startMs) / 1000
    const count = this.rows[row + requestCount]! * Math.exp(-idleS / memoryS)
    return GapBins.hazardsOfRate(count / (memoryS * (1 - Math.exp(-watchingS / memoryS)) + watchedS))
  }

  private peersOf(magnitude: number): PeerGaps {
    const place = Math.round(magnitude)
    let peers = this.byMagnitude[place]
    if (peers === undefined) {
      peers = new PeerGaps(this.options.peerGapsMax, GapBins.hazardsOfChance(2 ** place))
      this.byMagnitude[place] = peers
    }
    return peers
  }

  /** The quarter silent longest, so that this happens rarely. Their open gaps stay open. */
  private forget(): void {
    const { modelsMax } = this.options
    const silent = [...this.places.entries()]
      .filter(([model]) => this.mayForget(model))
      .map(([model, place]) => ({ model, sinceMs: this.rows[place * rowWidth + lastMs]! }))
      .sort((a, b) => a.sinceMs - b.sinceMs || compareIds(a.model, b.model))
    const excess = this.places.size - Math.floor(modelsMax * 0.75)
    for (const { model } of silent.slice(0, excess)) this.places.release(model)
    this.forgetAtCount = Math.max(modelsMax, this.places.size + Math.ceil(modelsMax * 0.25))
  }
}
