/**
 * How soon a model is wanted again: learnt from the gaps between its requests, and from those of models like it.
 *
 * Every model has a histogram of its gaps on a logarithmic scale, four bins per doubling, from a second to three days. Let p(k) be
 * the share of the gaps that reached bin k and ended in it: a hazard. A timer shows as one high hazard after a silence, a burst as
 * a high one at once that falls steeply, a working day as a second hill at the length of a night. With the hazards beyond the
 * present idle time the estimate is
 *
 *   rate = max over horizons h of P(next request within h) / E[time until the request or h]
 *
 * For a request that is certain in d seconds that is 1 / d, what the oracle BeladyAM knows; when hazards fall, the hazard now;
 * when they rise, one over the expected remaining time. It is the index of Gittins ("Bandit processes and dynamic allocation
 * indices", 1979) for a slot that a model may occupy and leave: how much use per time it promises at best. A plain mean would
 * let the one long silence that may come hide the ten requests that come before.
 *
 * One model's gaps are too few, so each hazard starts from that of its peers: models whose gaps have the same magnitude (the mean of
 * their logarithms), and for a model asked for once, all first gaps. Theirs in turn start from pure chance at that magnitude. Gaps
 * that are still open count as having gone on: what was asked for once and never again teaches that of all new models.
 *
 * Deterministic, no clock; histories depend on requests alone, and asking changes nothing.
 */
import { compareIds } from './cost.ts'
import { assertInvariant } from './errors.ts'
import { GapBins, type GapHistory, PeerGaps } from './gap-bins.ts'
import type { ModelId } from './types.ts'

export interface ReturnOptions {
  /** Weight of the peers' hazard, in gaps. A half: one own gap outweighs it. From 0.5 to 4 mean delays differ by a few per cent. */
  readonly peerWeight: number
  /** A history of so many gaps is halved, so that it follows change: 128 keeps 64 to 128. */
  readonly ownGapsMax: number
  /** The same for the gaps of peers together. */
  readonly peerGapsMax: number
  /** Models tracked, at about half a kilobyte each; beyond it the quarter silent longest is forgotten. */
  readonly modelsMax: number
}

export const defaultReturnOptions: ReturnOptions = {
  peerWeight: 0.5,
  ownGapsMax: 128,
  peerGapsMax: 20_000,
  modelsMax: 16_384,
}

interface Track {
  lastMs: number
  readonly own: GapHistory
  gapCount: number
  /** Mean of log2(1 + gap in seconds), the latest ten gaps weighing most. */
  magnitude: number
  peers: PeerGaps
}

/** The latest gap's share in the magnitude: small enough to be a habit, large enough to follow a change of habits. */
const magnitudeShareMin = 0.1
const binWidthsS = Float64Array.from({ length: GapBins.count }, (_, bin) => GapBins.widthS(bin))
/** Hazards beyond this chance of still being silent hardly matter, and most of the time would go into them. */
const silenceMin = 0.02

export class ReturnEstimator {
  readonly options: ReturnOptions
  private readonly tracks = new Map<ModelId, Track>()
  private readonly mayForget: (model: ModelId) => boolean
  private readonly firstGaps: PeerGaps
  private readonly byMagnitude: PeerGaps[] = []
  private forgetAtCount: number

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
    if (nowMs > track.lastMs) track.lastMs = nowMs
    const bin = GapBins.of(gapS)
    track.peers.close(bin)
    track.own.add(bin, this.options.ownGapsMax)
    track.gapCount += 1
    const share = Math.max(1 / track.gapCount, magnitudeShareMin)
    track.magnitude += (Math.log2(1 + gapS) - track.magnitude) * share
    track.peers = this.peersOf(track.magnitude)
    track.peers.open()
  }

  /** Makes a model known as if it had just been asked for the first time: one that was prefetched or pinned. */
  introduce(model: ModelId, nowMs: number): void {
    if (this.tracks.has(model)) return
    if (this.tracks.size >= this.forgetAtCount) this.forget()
    const own = GapBins.createHistory()
    this.tracks.set(model, { lastMs: nowMs, own, gapCount: 0, magnitude: 0, peers: this.firstGaps })
    this.firstGaps.open()
  }

  /** 0 for a model that was never seen or has been forgotten. */
  ratePerS(model: ModelId, nowMs: number): number {
    const track = this.tracks.get(model)
    return track === undefined ? 0 : this.rateOf(track, Math.max(0, nowMs - track.lastMs) / 1000)
  }

  /** True when the silence is longer than any gap that can be told from another. */
  isSilent(model: ModelId, nowMs: number): boolean {
    const track = this.tracks.get(model)
    return track === undefined || (nowMs - track.lastMs) / 1000 >= GapBins.lastStartS
  }

  private rateOf({ own, peers }: Track, idleS: number): number {
    const { peerWeight } = this.options
    const { hazards } = peers
    const { counts } = own
    const first = GapBins.of(idleS)
    let reached = own.reached(first)
    let silence = 1
    let returned = 0
    let waitedS = 0
    let rate = 0
    for (let bin = first; bin < GapBins.count; bin++) {
      const ended = counts[bin]!
      let hazard = (ended + peerWeight * hazards[bin]!) / (reached + peerWeight)
      let widthS = binWidthsS[bin]!
      if (bin === first) {
        // What is left of the present bin, and of its hazard; a twentieth at least, since nobody knows it that well.
        const left = Math.max(0.05, Math.min(1, (GapBins.endS(bin) - idleS) / widthS))
        widthS *= left
        hazard *= left
      }
      hazard = Math.min(hazard, 0.9999)
      reached -= ended
      waitedS += silence * widthS * (1 - hazard / 2)
      returned += silence * hazard
      if (returned > rate * waitedS) rate = returned / waitedS
      silence *= 1 - hazard
      if (silence < silenceMin) break
    }
    return rate
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
