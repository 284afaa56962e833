/**
 * Where should this request run? argmin over this node, each holder and a fetch of the expected completion:
 *
 *   round trip + queue + what it takes to bring the model to memory there (0 when it is) + execution
 *
 * - Among options that are nearly as good as the best, the one with the least side effects wins: here before a forward (which
 *   occupies two nodes), a forward before a fetch (which moves bytes and displaces another model).
 * - Among nearly equal holders two are drawn and the better one is taken (Mitzenmacher, "The Power of Two Choices", 2001): what
 *   we know about queues is seconds old, and with a plain argmin every node of a zone would send its burst to the same holder.
 * - An option that cannot make the deadline loses to one that can. Where none can, by what was measured, the request is refused; guesses
 *   refuse nothing, so that a node that knows nothing takes what comes.
 * - A suspected, draining or excluded node is never chosen, and a request makes one hop at most.
 * - A holder that has lately left a request unanswered is asked last: when nothing else is expected to make the deadline.
 *
 * Only the completion of this one request is compared. A fetch also serves the requests after it, so forwarding for ever to a
 * far holder can cost more than one fetch; that is decided where demand is known, by replication, which copies a model to
 * where it is wanted whatever single requests did. To amortize here too would count the same saving twice.
 */

import type { NodeId, RandomInt, RequestContext, SourceView, Tier } from '../../common/index.ts'
import { cheapestSource, compareIds, transferMsAt } from '../cost/cost.ts'
import { sureMs } from './cost-parts.ts'
import type { RouteModel, RouteSelf, RouteView } from './route-view.ts'

export interface RouteOptions {
  /** Options within this percentage of the best are nearly equal. The estimates (round trip, queue) are no better than that. */
  readonly nearEqualPercent: number
  /** ... and so are options within so many milliseconds of the best: below that jitter decides, not the estimate. */
  readonly nearEqualMs: number
}

export const defaultRouteOptions: RouteOptions = { nearEqualPercent: 10, nearEqualMs: 1 }

export type RouteKind = 'local' | 'forward' | 'fetch'

export interface RouteOption {
  readonly kind: RouteKind
  /** The holder to forward to. */
  readonly node?: NodeId
  /** The source that the estimate of a fetch is based on. */
  readonly via?: SourceView
  readonly expectedMs: number
}

export type RouteReason =
  /** In memory here, and nothing else is clearly faster. */
  | 'resident-here'
  /** On disk here; loading it is as fast as anything else. */
  | 'on-disk-here'
  /** The holder with the least expected completion. */
  | 'best-holder'
  /** Nearly as good as the best holder, and drawn to spread the load. */
  | 'spread-over-holders'
  /** Bringing it here is clearly faster than any holder. */
  | 'fetch-is-faster'
  /** No holder may be used. */
  | 'only-fetch'
  /** The best there is, but it is not expected to make the deadline. */
  | 'misses-deadline'
  /** No node can make the deadline, by what was measured: nothing is begun. */
  | 'misses-every-deadline'
  /** Not here, no source, no holder. */
  | 'no-source'
  /** This node cannot run it and no holder may be used. */
  | 'not-runnable-here'

/** What a request does. */
export interface RouteChoice {
  readonly kind: RouteKind | 'refused' | 'unservable'
  readonly node?: NodeId
  readonly via?: SourceView
  readonly expectedMs: number
  readonly reason: RouteReason
}

/** The same, for somebody who asks why. */
export interface RouteDecision extends RouteChoice {
  /** The options not taken, best first. */
  readonly alternatives: readonly RouteOption[]
}

/** At equal time the kind with the least side effects. */
const kindRanks = { local: 0, forward: 1, fetch: 2 } as const satisfies Record<RouteKind, number>

/** @param random draws the two choices; called only when there are at least two nearly equal holders. */
export function route(view: RouteView, random: RandomInt, options: RouteOptions = defaultRouteOptions): RouteDecision {
  const candidates = optionsOf(view)
  const refused = refusal(candidates, view)
  if (refused !== null) return { ...refused, alternatives: candidates.sort(compareOptions) }
  const chosen = choose(candidates, view, random, options)
  if (chosen === null) return { ...unservable(view), alternatives: [] }
  return {
    ...chosen,
    reason: reasonOf(chosen, candidates, view),
    alternatives: candidates.filter((option) => option !== chosen).sort(compareOptions),
  }
}

/** What can be known of a request without a look at the other nodes. */
export interface RouteHere {
  readonly model: RouteModel
  readonly self: Omit<RouteSelf, 'node'>
  readonly context: RequestContext
}

/**
 * The decision when it does not depend on any holder: the model is in memory here, and even a holder without round trip and queue would
 * not be clearly sooner. Null when the others have to be looked at.
 */
export function chooseHere({ model, self, context }: RouteHere, options = defaultRouteOptions): RouteChoice | null {
  const { executeMs = 0 } = model
  if (self.tier === null || self.tier === 'disk' || !self.runnable) return null
  const expectedMs = self.queueMs + executeMs
  if (!(expectedMs <= Math.min(context.deadlineMs, nearEqualLimitMs(executeMs, options)))) return null
  return { kind: 'local', expectedMs, reason: 'resident-here' }
}

/** The same decision without the alternatives, which a request does not look at. */
export function chooseRoute(
  view: RouteView,
  random: RandomInt,
  options: RouteOptions = defaultRouteOptions,
): RouteChoice {
  const candidates = optionsOf(view)
  const refused = refusal(candidates, view)
  if (refused !== null) return refused
  const chosen = choose(candidates, view, random, options)
  return chosen === null ? unservable(view) : { ...chosen, reason: reasonOf(chosen, candidates, view) }
}

/** Null where some option may make the deadline, or there is none at all. */
function refusal(candidates: readonly RouteOption[], view: RouteView): RouteChoice | null {
  const { deadlineMs } = view.context
  if (deadlineMs === Number.POSITIVE_INFINITY || candidates.length === 0) return null
  if (candidates.some((option) => option.expectedMs <= deadlineMs || sureMs(option, view) <= deadlineMs)) return null
  return { kind: 'refused', expectedMs: bestOf(candidates)!.expectedMs, reason: 'misses-every-deadline' }
}

/** All that a request could do, best first. */
export function routeOptions(view: RouteView): RouteOption[] {
  return optionsOf(view).sort(compareOptions)
}

function optionsOf(view: RouteView): RouteOption[] {
  const options = localOptions(view)
  const hasSilent = addForwards(options, view, false)
  const { deadlineMs } = view.context
  if (hasSilent && !options.some(({ expectedMs }) => expectedMs <= deadlineMs)) addForwards(options, view, true)
  return options
}

function unservable({ self }: RouteView): RouteChoice {
  const reason = self.runnable ? 'no-source' : 'not-runnable-here'
  return { kind: 'unservable', expectedMs: Number.POSITIVE_INFINITY, reason }
}

/** Null where there is nothing to choose from. */
function choose(
  candidates: readonly RouteOption[],
  view: RouteView,
  random: RandomInt,
  options: RouteOptions,
): RouteOption | null {
  const best = bestOf(candidates)
  if (best === null) return null
  return leastSideEffects(nearlyEqual(candidates, best, view.context.deadlineMs, options), random)
}

function bestOf(candidates: readonly RouteOption[]): RouteOption | null {
  let best: RouteOption | null = null
  for (const option of candidates) if (best === null || compareOptions(option, best) < 0) best = option
  return best
}

/** What this node can do itself: run it, or fetch it when its bytes are not here. */
function localOptions(view: RouteView): RouteOption[] {
  const { self, model } = view
  if (!self.runnable) return []
  const runMs = self.queueMs + (model.executeMs ?? 0)
  if (self.tier !== null) {
    const expectedMs = runMs + bringToMemoryMs(self.tier, view)
    return Number.isFinite(expectedMs) ? [{ kind: 'local', expectedMs }] : []
  }
  // What is under way goes on in any case; a request that waits for it waits for the rest only.
  const cheapest = self.draining === true ? null : cheapestSource(self.missingBytes ?? model.sizeBytes, view.sources)
  if (cheapest === null) return []
  return [{ kind: 'fetch', via: cheapest.source, expectedMs: runMs + cheapest.transferMs + model.initMs }]
}

/** @returns whether there are holders of the other sort: those that answer, or those that are silent. */
function addForwards(options: RouteOption[], view: RouteView, silentOnes: boolean): boolean {
  if (!view.mayForward) return false
  let hasOthers = false
  const { excluded, self, model } = view
  const executeMs = model.executeMs ?? 0
  for (const { node, tier, rttMs, queueMs, sentMs = 0, suspected, silent = false, draining } of view.holders) {
    if (suspected || draining || node === self.node) continue
    if (silent !== silentOnes) {
      hasOthers = true
      continue
    }
    if (excluded.length > 0 && excluded.includes(node)) continue
    const expectedMs = rttMs + (queueMs + sentMs + executeMs) + bringToMemoryMs(tier, view)
    if (Number.isFinite(expectedMs)) options.push({ kind: 'forward', node, expectedMs })
  }
  return hasOthers
}

/** The disks of other nodes are taken to be like ours: nobody gossips theirs, and they are of one fleet. */
function bringToMemoryMs(tier: Tier, view: RouteView): number {
  if (tier !== 'disk') return 0
  return transferMsAt(view.model.sizeBytes, 0, view.self.diskBandwidthBytesPerS) + view.model.initMs
}

/**
 * The options nearly as good as the best, in order. When the best makes the deadline, all of them do. A best that does not
 * stands alone: spreading load does not matter to a request that is late anyway, and the next moment may be better.
 */
function nearlyEqual(
  candidates: readonly RouteOption[],
  best: RouteOption,
  deadlineMs: number,
  options: RouteOptions,
): RouteOption[] {
  const limitMs = Math.min(deadlineMs, nearEqualLimitMs(best.expectedMs, options))
  const near = candidates.filter((option) => option.expectedMs <= limitMs)
  return near.length === 0 ? [best] : near.sort(compareOptions)
}

/** Exported for tests and for the page that explains a decision. */
export function nearEqualLimitMs(bestMs: number, options: RouteOptions): number {
  return Math.max(bestMs * (1 + options.nearEqualPercent / 100), bestMs + options.nearEqualMs)
}

/** @param near sorted, not empty. */
function leastSideEffects(near: readonly RouteOption[], random: RandomInt): RouteOption {
  const local = near.find((option) => option.kind === 'local')
  if (local !== undefined) return local
  const holders = near.filter((option) => option.kind === 'forward')
  return holders.length > 0 ? betterOfTwo(holders, random) : near[0]!
}

/** At equal estimates the first one drawn: by id, the smallest ids of a cluster would get twice their share. */
function betterOfTwo(holders: readonly RouteOption[], random: RandomInt): RouteOption {
  if (holders.length === 1) return holders[0]!
  const firstIndex = random(holders.length)
  const otherIndex = random(holders.length - 1)
  const first = holders[firstIndex]!
  const second = holders[otherIndex < firstIndex ? otherIndex : otherIndex + 1]!
  return second.expectedMs < first.expectedMs ? second : first
}

function reasonOf(chosen: RouteOption, candidates: readonly RouteOption[], view: RouteView): RouteReason {
  if (chosen.expectedMs > view.context.deadlineMs) return 'misses-deadline'
  switch (chosen.kind) {
    case 'local':
      return view.self.tier === 'disk' ? 'on-disk-here' : 'resident-here'
    case 'forward': {
      const isBest = candidates.every((option) => option.kind !== 'forward' || compareOptions(chosen, option) <= 0)
      return isBest ? 'best-holder' : 'spread-over-holders'
    }
    case 'fetch':
      return candidates.length > 1 ? 'fetch-is-faster' : 'only-fetch'
  }
}

function compareOptions(left: RouteOption, right: RouteOption): number {
  if (left.expectedMs !== right.expectedMs) return left.expectedMs - right.expectedMs
  const byKind = kindRanks[left.kind] - kindRanks[right.kind]
  return byKind !== 0 ? byKind : compareIds(left.node ?? '', right.node ?? '')
}
