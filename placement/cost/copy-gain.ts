/**
 * What a copy of a model here saves over the horizon, and what the loss of one costs.
 *
 *   into free room   requests in the horizon x forward   while requests are sent on to another node
 *                    P(a request in the horizon) x fetch where the first request would bring the bytes anyway, and they stay
 *   at the expense   requests in the horizon x the cheaper of both: where room is short, what is brought pushes out something
 *   of others        that has to be brought again. One sum for what comes and for what goes, so that what is copied in this
 *                    round is not what is displaced in the next.
 *
 * Requests in the horizon follow from the rate that was counted, P from the sooner of that and the forecast: a forecast says when
 * the next request comes, not how many follow. Requests are taken to come independently, so that P = 1 - exp(-rate x horizon).
 */

import { type LocalTier, slowestTier } from '../../common/index.ts'
import type { PlacementOptions } from '../replication/placement-options.ts'
import type { CandidateModel, DemandView, HeldModel } from '../replication/placement-view.ts'
import { othersLossMsPerS, type Ways, waysWithout } from './marginal-cost.ts'

export interface CopyGain {
  /** Requests per second here that it is judged by. */
  readonly ratePerS: number
  readonly ways: Ways
  /** What requests of this node save over the horizon, in free room. */
  readonly ownMs: number
  /** The same where something else has to go. */
  readonly contestedMs: number
  /** What requests of the zone save, when it is for this node to help them. */
  readonly zoneMs: number
  readonly transferMs: number
  /** What of the transfer the next request would not have caused anyway. */
  readonly extraTransferMs: number
}

export type Rates = Pick<DemandView, 'ratePerS' | 'soonRatePerS'>

export function waitOverHorizonMs(rates: Rates, horizonS: number, { forwardMs, fetchMs }: Ways): number {
  const chance = chanceOfRequest(rateHereOf(rates), horizonS)
  if (chance === 0) return 0
  return forwardMs < fetchMs ? Math.max(chance, rates.ratePerS * horizonS) * forwardMs : chance * fetchMs
}

/** Where room is short, and for what is given up. A forecast counts like a rate, as it does for the eviction policy. */
export function contestedMs(ratePerS: number, horizonS: number, { forwardMs, fetchMs }: Ways): number {
  return ratePerS === 0 ? 0 : ratePerS * horizonS * Math.min(forwardMs, fetchMs)
}

export function chanceOfRequest(ratePerS: number, horizonS: number): number {
  return -Math.expm1(-ratePerS * horizonS)
}

/** Of a copy that is not here. */
export function gainOf(candidate: CandidateModel, rates: Rates, options: PlacementOptions): CopyGain {
  const { horizonS } = options
  const { elsewhere, initMs, diskMs, zoneRatePerS } = candidate
  const { near, far } = elsewhere
  const all = waysWithout({ ...candidate, elsewhere: { ...elsewhere, isPrimaryHolder: false, isMemoryPrimary: false } })
  // A copy that another node of the zone is making right now will be there before this one would be.
  const isNearSoon = near.arrivingCount > 0 && candidate.mayForward
  const ways = isNearSoon ? { ...all, forwardMs: Math.min(all.forwardMs, options.nearForwardMs) } : all
  const fetchAnyway = ways.forwardMs < ways.fetchMs ? 0 : chanceOfRequest(rateHereOf(rates), horizonS)
  const isZoneWithout = near.copyCount === 0 && near.arrivingCount === 0 && diskMs === null
  const farWays = {
    forwardMs: candidate.mayForward ? Math.min(far.memoryForwardMs, far.diskForwardMs) : Number.POSITIVE_INFINITY,
    fetchMs: Math.min(far.transferMs, elsewhere.originMs) + initMs,
  }
  const zoneMs = isZoneWithout
    ? waitOverHorizonMs({ ratePerS: zoneRatePerS, soonRatePerS: null }, horizonS, farWays) -
      zoneRatePerS * horizonS * options.nearForwardMs
    : 0
  const transferMs = ((ways.fetchMs - initMs) * options.transferWeightPercent) / 100
  return {
    ratePerS: rateHereOf(rates),
    ways,
    ownMs: waitOverHorizonMs(rates, horizonS, ways),
    contestedMs: contestedMs(rateHereOf(rates), horizonS, ways),
    zoneMs: Math.max(0, zoneMs),
    transferMs,
    extraTransferMs: transferMs * (1 - fetchAnyway),
  }
}

/** What is lost over the horizon, here and elsewhere, when a held model leaves a tier. */
export function lossOf(held: HeldModel, tier: LocalTier, horizonS: number): number {
  const copy = { ...held, diskMs: tier === slowestTier ? null : held.diskMs }
  const ownMs = contestedMs(rateHereOf(held), horizonS, waysWithout(copy))
  return ownMs + othersLossMsPerS(copy, held) * horizonS
}

/** The higher of what was counted and what is forecast: a forecast of silence is no reason to let a busy model go at once. */
export function rateHereOf({ ratePerS, soonRatePerS }: Rates): number {
  return Math.max(ratePerS, soonRatePerS ?? 0)
}
