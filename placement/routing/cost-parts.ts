/**
 * The parts of the expected time of a request, and where each comes from. The parts add up to the expected time that the route was
 * chosen by.
 */
import type { NodeId, SourceView } from '../../common/index.ts'
import { cheapestSource, transferMs, transferMsAt } from '../cost/cost.ts'
import type { RouteHolder, RouteView } from './route-view.ts'

export type CostPartName = 'round-trip' | 'queue' | 'transfer' | 'init' | 'execute'

export type CostPartFrom =
  /** By this node, lately. */
  | 'measured'
  /** The other node says so. */
  | 'told'
  /** Measured once or long ago; else taken from sizes, zones and what disks usually give. */
  | 'estimated'
  /** Nothing is known; counts as nothing. */
  | 'unknown'

export interface CostPart {
  readonly part: CostPartName
  readonly ms: number
  readonly from: CostPartFrom
}

/** An option of route(). */
export interface CostedOption {
  readonly kind: 'local' | 'forward' | 'fetch'
  readonly node?: NodeId
  readonly via?: SourceView
}

/** Parts that do not apply to the option are left out. */
export function costParts(option: CostedOption, view: RouteView): CostPart[] {
  const { executeMs = 0, sure } = view.model
  const executeFrom = executeMs === 0 ? 'unknown' : isSure(sure?.executeMs) ? 'measured' : 'estimated'
  const execute: CostPart = { part: 'execute', ms: executeMs, from: executeFrom }
  if (option.kind === 'forward') {
    const holder = view.holders.find(({ node }) => node === option.node)
    return holder === undefined ? [] : [...wayTo(holder), ...loadParts(holder.tier === 'disk', view), execute]
  }
  const queue: CostPart = { part: 'queue', ms: view.self.queueMs, from: 'measured' }
  if (option.kind === 'local') return [queue, ...loadParts(view.self.tier === 'disk', view), execute]
  return [queue, ...fetchParts(view), execute]
}

/**
 * The least time that a request takes on this way: a lower bound, by which requests are refused. The transfer is no part of it: some may
 * be here, by another version or a fetch under way, and several sources bring them side by side, each faster than it was lately.
 */
export function sureMs({ kind, node }: CostedOption, { model, self, holders }: RouteView): number {
  const { initMs, executeMs } = model.sure ?? { initMs: 0, executeMs: 0 }
  if (kind === 'forward') {
    const holder = holders.find((one) => one.node === node)
    // Its queue and its tier are old news: the node itself refuses by what it knows.
    return holder === undefined || holder.isRttGuessed === true ? executeMs : holder.rttMs + executeMs
  }
  const isStarted = kind === 'local' && self.tier !== 'disk'
  // Nobody knows how much of a start is done that is under way.
  const startMs = isStarted || self.isComing === true ? 0 : initMs
  return (self.sureQueueMs ?? 0) + startMs + executeMs
}

function wayTo({ rttMs, isRttGuessed = false, queueMs, sentMs = 0 }: RouteHolder): CostPart[] {
  return [
    { part: 'round-trip', ms: rttMs, from: isRttGuessed ? 'estimated' : 'measured' },
    { part: 'queue', ms: queueMs + sentMs, from: 'told' },
  ]
}

function loadParts(isOnDisk: boolean, view: RouteView): CostPart[] {
  if (!isOnDisk) return []
  const ms = transferMsAt(view.model.sizeBytes, 0, view.self.diskBandwidthBytesPerS)
  return [{ part: 'transfer', ms, from: 'estimated' }, initPart(view)]
}

function fetchParts(view: RouteView): CostPart[] {
  const sizeBytes = view.self.missingBytes ?? view.model.sizeBytes
  const cheapest = cheapestSource(sizeBytes, view.sources)
  if (cheapest === null) return []
  const { source, transferMs: ms } = cheapest
  // A source that was never measured may be faster than the one that is expected to be the fastest.
  const isCertain =
    source.isMeasured === true &&
    view.sources.every((one) => one.isMeasured === true || transferMs(sizeBytes, one) >= ms)
  return [{ part: 'transfer', ms, from: isCertain ? 'measured' : 'estimated' }, initPart(view)]
}

function initPart({ model: { initMs, sure } }: RouteView): CostPart {
  return { part: 'init', ms: initMs, from: isSure(sure?.initMs) ? 'measured' : 'estimated' }
}

function isSure(ms: number | undefined): boolean {
  return ms !== undefined && ms > 0
}
