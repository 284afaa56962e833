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
import { compareIds } from './cost.ts'
import { assertInvariant } from './errors.ts'
import { GapBins, type GapHistory, PeerGaps } from './gap-bins.ts'
import { type GapRecord, judgeGap, promisedRatePerS } from './return-rate.ts'
import type { ModelId } from './types.ts'

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

interface Track extends GapRecord {
  lastMs: number
  readonly own: GapHistory
  gapCount: number
  /** At the last request, that one included; older ones count less. */
  requestCount: number
  logOdds: number
  /** Mean of log2(1 + gap in seconds), the latest ten gaps weighing most. */
  magnitude: number
  peers: PeerGaps
}

/** The latest gap's share in the magnitude: small enough to be a habit, large enough to follow a change of habits. */
const magnitudeShareMin = 0.1
/** A week has every day once. */
const memoryS = 7 * 24 * 3600
/** Added to the time watched, so that the first requests of all promise no storm: as if ten minutes had been silent before. */
const watchedS = 600

export class ReturnEstimator {
  readonly options: ReturnOptions
  private readonly tracks = new Map<ModelId, Track>()
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
    return this.tracks.size
  }

  /** Counts a request. A time before the last one counts as the last one. */
  record(model: ModelId, nowMs: number): void {
    const track = this.tracks.get(model)
    if (track === undefined) {
      this.introduce(model, nowMs)
      return
    }
    const gapS = Math.max(0, nowMs - track.lastMs) / 1000
    const bin = GapBins.of(gapS)
    track.logOdds = judgeGap(track, this.chancesOf(track, track.lastMs), this.options, bin)
    if (nowMs > track.lastMs) track.lastMs = nowMs
    track.peers.close(bin)
    track.own.add(bin, this.options.ownGapsMax)
    track.gapCount += 1
    track.requestCount = 1 + track.requestCount * Math.exp(-gapS / memoryS)
    const share = Math.max(1 / track.gapCount, magnitudeShareMin)
    track.magnitude += (Math.log2(1 + gapS) - track.magnitude) * share
    track.peers = this.peersOf(track.magnitude)
    track.peers.open()
  }

  /** Makes a model known as if it had just been asked for the first time: one that was prefetched or pinned. */
  introduce(model: ModelId, nowMs: number): void {
    if (this.tracks.has(model)) return
    if (this.tracks.size >= this.forgetAtCount) this.forget()
    if (Number.isNaN(this.startMs)) this.startMs = nowMs
    this.tracks.set(model, {
      lastMs: nowMs,
      own: GapBins.createHistory(),
      gapCount: 0,
      requestCount: 1,
      logOdds: 0,
      magnitude: 0,
      peers: this.firstGaps,
    })
    this.firstGaps.open()
  }

  /** 0 for a model that was never seen or has been forgotten. */
  ratePerS(model: ModelId, nowMs: number): number {
    const track = this.tracks.get(model)
    if (track === undefined) return 0
    return promisedRatePerS(track, this.chancesOf(track, nowMs), this.options, Math.max(0, nowMs - track.lastMs) / 1000)
  }

  /** True when the silence is longer than any gap that can be told from another. */
  isSilent(model: ModelId, nowMs: number): boolean {
    const track = this.tracks.get(model)
    return track === undefined || (nowMs - track.lastMs) / 1000 >= GapBins.lastStartS
  }

  /** Hazards at the mean rate of the model, which falls while it is silent. */
  private chancesOf({ requestCount, lastMs }: Track, nowMs: number): Float64Array {
    const idleS = Math.max(0, nowMs - lastMs) / 1000
    const watchingS = Math.max(0, nowMs - this.startMs) / 1000
    const count = requestCount * Math.exp(-idleS / memoryS)
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
    const silent = [...this.tracks].filter(([model]) => this.mayForget(model))
    silent.sort(([left, a], [right, b]) => a.lastMs - b.lastMs || compareIds(left, right))
    const excess = this.tracks.size - Math.floor(modelsMax * 0.75)
    for (const [model] of silent.slice(0, excess)) this.tracks.delete(model)
    this.forgetAtCount = Math.max(modelsMax, this.tracks.size + Math.ceil(modelsMax * 0.25))
  }
}
