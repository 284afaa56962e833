/**
 * Which models this node should have, decided by itself from what gossip tells: pull, never push. Every decision carries its
 * reason and the parts of its sum.
 *
 *   copy when   saving over the horizon > (transfer + loss of what it displaces) x (1 + margin)
 *
 * - Models pinned to be kept on k nodes come first; what they displace is not weighed, an operator has decided.
 * - Copies are taken by saving per byte. A copy for demand that was counted may displace what the eviction policy gives up first;
 *   a prefetch, which rests on a forecast, takes free room, or must gain clearly more than it displaces.
 * - Nodes of one zone see the same demand and would all make the same copy. They take turns, by rendezvous hash, a round apart:
 *   a later round sees the first copy announced, and then a copy saves only what a neighbour's does not.
 * - What came or went within the settling time is neither displaced nor made again; with the margin this ends every circle, since
 *   each exchange must raise the value of what the node has.
 * - A replica that nobody asks for is shed only from a tier that is nearly full: free memory serves nobody, but the next miss, or a
 *   prefetch, should not have to wait for an eviction. A last copy, or the primary holder's, is never shed.
 */

import {
  byTier,
  fastestTier,
  fastestWith,
  isFaster,
  type ModelId,
  slowestTier,
  type TierBytes,
} from '../../common/index.ts'
import { type CopyGain, gainOf, lossOf, rateHereOf } from '../cost/copy-gain.ts'
import { compareIds } from '../cost/cost.ts'
import { roleOf } from '../cost/marginal-cost.ts'
import { CapacityPlan } from './capacity-plan.ts'
import { defaultPlacementOptions, type PlacementOptions } from './placement-options.ts'
import type {
  CandidateModel,
  HeldModel,
  PinnedModel,
  PlacementDecision,
  PlacementReason,
  PlacementView,
} from './placement-view.ts'

export function planPlacement(
  view: PlacementView,
  options: PlacementOptions = defaultPlacementOptions,
): PlacementDecision[] {
  const rooms = new CapacityPlan(view, options)
  const decisions: PlacementDecision[] = []
  const decided = new Set<ModelId>()
  const note = (decision: PlacementDecision): void => {
    decisions.push(decision)
    if (decision.model !== null) decided.add(decision.model)
  }
  for (const pin of view.pins) {
    const decision = decidePin(pin, view, rooms)
    if (decision !== null) note(decision)
  }
  let copies = 0
  for (const worth of worths(view, options)) {
    if (decided.has(worth.candidate.model)) continue
    const decision = decideCopy(worth, view, rooms, options, copies)
    if (decision.kind !== 'leave') copies += 1
    note(decision)
  }
  for (const held of view.held) {
    if (!rooms.isDisplaced(held.model)) note(decideHeld(held, view, rooms, options, decided))
  }
  return decisions
}

function decidePin(pin: PinnedModel, view: PlacementView, rooms: CapacityPlan): PlacementDecision | null {
  const { name, model, tier, sizeBytes, replicaCount, keptCount } = pin
  if (!pin.isMine || pin.isHeld) return null
  const parts = { replicas: replicaCount, keptReplicas: keptCount, ...(sizeBytes === null ? {} : { sizeBytes }) }
  const about = { model, name, tier, parts }
  if (view.isDraining) return { ...about, kind: 'leave', reason: 'draining', displaces: [] }
  if (model === null) return { ...about, kind: 'leave', reason: 'unresolved', displaces: [] }
  if (pin.isArriving) return { ...about, kind: 'leave', reason: 'arriving', displaces: [] }
  const taken = rooms.take(needOf(tier, sizeBytes ?? 0), { evenSettling: true })
  if (taken === null) return { ...about, kind: 'leave', reason: 'no-room', displaces: [] }
  return { ...about, kind: 'copy', reason: 'replica-missing', displaces: taken.displaces }
}

/** It comes to its tier by way of the slower ones, and stays in them. */
function needOf(tier: PinnedModel['tier'], sizeBytes: number): TierBytes {
  return byTier((one) => (isFaster(one, tier) ? 0 : sizeBytes))
}

interface Worth {
  readonly candidate: CandidateModel
  readonly reason: Extract<PlacementReason, 'wanted-here' | 'wanted-in-zone' | 'wanted-soon' | 'new-revision'>
  readonly gain: CopyGain
  readonly savingMs: number
  readonly parts: Readonly<Record<string, number>>
}

/** By saving per byte, so that what fits saves most. */
function worths(view: PlacementView, options: PlacementOptions): Worth[] {
  const perByte = ({ savingMs, gain, candidate }: Worth) => {
    const netMs = savingMs - gain.extraTransferMs
    return Number.isFinite(netMs) ? netMs / Math.max(1, sumOf(candidate.bytes)) : 0
  }
  return view.candidates
    .map((candidate) => worthOf(candidate, options))
    .sort((a, b) => perByte(b) - perByte(a) || compareIds(a.candidate.model, b.candidate.model))
}

function sumOf(bytes: TierBytes): number {
  return Object.values(bytes).reduce((sum, one) => sum + one, 0)
}

function worthOf(candidate: CandidateModel, options: PlacementOptions): Worth {
  const counted = gainOf(candidate, { ratePerS: candidate.ratePerS, soonRatePerS: null }, options)
  const isWanted = clears(counted.ownMs, counted.extraTransferMs, options.marginPercent)
  const foreseen = isWanted ? counted : gainOf(candidate, candidate, options)
  const isZones = foreseen.zoneMs > foreseen.ownMs
  return {
    candidate,
    reason:
      candidate.replaces !== null
        ? 'new-revision'
        : isZones
          ? 'wanted-in-zone'
          : isWanted
            ? 'wanted-here'
            : 'wanted-soon',
    gain: foreseen,
    savingMs: foreseen.ownMs + foreseen.zoneMs,
    parts: {
      ratePerS: foreseen.ratePerS,
      forwardMs: foreseen.ways.forwardMs,
      fetchMs: foreseen.ways.fetchMs,
      zoneRatePerS: candidate.zoneRatePerS,
      savingMs: foreseen.ownMs + foreseen.zoneMs,
      transferMs: foreseen.extraTransferMs,
    },
  }
}

function decideCopy(
  { candidate, reason, gain, savingMs, parts }: Worth,
  view: PlacementView,
  rooms: CapacityPlan,
  options: PlacementOptions,
  copies: number,
): PlacementDecision {
  const { model } = candidate
  const leave = (why: PlacementReason, more: Record<string, number> = {}): PlacementDecision => {
    return { kind: 'leave', model, tier: fastestTier, reason: why, displaces: [], parts: { ...parts, ...more } }
  }
  if (candidate.isArriving) return leave('arriving')
  if (view.isDraining) return leave('draining')
  if (candidate.goneForMs < options.settleMs) return leave('settling-gone')
  if (!Number.isFinite(gain.transferMs) || !clears(savingMs, gain.extraTransferMs, options.marginPercent)) {
    return leave('too-dear')
  }
  const isForecast = reason !== 'wanted-here'
  const marginPercent = isForecast ? options.prefetchMarginPercent : options.marginPercent
  const taken = rooms.look(candidate.bytes, { reserve: isForecast })
  if (taken === null) return leave('no-room')
  const isContested = taken.lossMs > 0
  const contested = {
    savingMs: gain.contestedMs + gain.zoneMs,
    transferMs: gain.transferMs,
    displacedMs: taken.lossMs,
  }
  const sum = isContested ? contested : { displacedMs: 0 }
  if (isContested && !clears(contested.savingMs, gain.transferMs + taken.lossMs, marginPercent)) {
    return leave('displaces-better', sum)
  }
  if (candidate.turn > candidate.waitedRounds) return leave('not-my-turn', { ...sum, turn: candidate.turn })
  if (copies >= options.copiesMax) return leave('next-round', sum)
  rooms.commit(taken)
  const kind = isForecast ? 'prefetch' : 'copy'
  return { kind, model, tier: fastestTier, reason, displaces: taken.displaces, parts: { ...parts, ...sum } }
}

function clears(savingMs: number, costMs: number, marginPercent: number): boolean {
  return savingMs > costMs * (1 + marginPercent / 100)
}

function decideHeld(
  held: HeldModel,
  view: PlacementView,
  rooms: CapacityPlan,
  options: PlacementOptions,
  decided: ReadonlySet<ModelId>,
): PlacementDecision {
  const { model, elsewhere, heldForMs, ratePerS, zoneRatePerS } = held
  const tier = fastestWith(held.bytes) ?? slowestTier
  const copyCount = elsewhere.near.copyCount + elsewhere.far.copyCount
  const lossMs = lossOf(held, tier, options.horizonS)
  const parts = { ratePerS: rateHereOf(held), otherCopies: copyCount, lossMs }
  const keep = (reason: PlacementReason): PlacementDecision => {
    return { kind: 'keep', model, tier, reason, displaces: [], parts }
  }
  if (held.isPinned) return keep('pinned')
  const pin = view.pins.find((one) => one.model === model)
  if (pin?.isMine) return keep('replica')
  if (pin !== undefined && pin.keptCount < pin.replicaCount) return keep('replica-until-taken')
  if (held.isInUse) return keep('in-use')
  if (heldForMs < options.settleMs) return keep('settling')
  const role = roleOf({ elsewhere, diskMs: tier === slowestTier ? null : held.diskMs })
  const isUnwanted = rateHereOf(held) < options.shedRatePerS && ratePerS + zoneRatePerS < options.shedRatePerS
  const isReplica = role === 'replica-near' || role === 'replica-far'
  if (!view.isDraining && isReplica && isUnwanted && !decided.has(model) && rooms.shed(held, tier)) {
    return { kind: 'shed', model, tier, reason: 'unwanted-replica', displaces: [], parts }
  }
  return keep(role)
}
