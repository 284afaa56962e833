/**
 * What it costs to bring a model's bytes here: the time a miss would take.
 *
 *   transfer = latency + bytes / bandwidth          over one source
 *   miss     = min over sources of transfer + init  init: what the runtime needs once the bytes are here
 *
 * Init is a term of its own because it hardly follows size: over 26 profiled models load time correlates with size at only 0.2.
 */
import { type Source, type SourceView, tiers } from '../../common/index.ts'

export interface MissView {
  readonly sizeBytes: number
  readonly initMs: number
}

export interface CheapestSource {
  readonly source: SourceView
  readonly transferMs: number
}

/** At equal cost the source that burdens others least: this node's own tiers, then a peer, then the origin. */
const sourceOrder: readonly Source[] = [...tiers, 'peer', 'origin']

/** Infinity when the source has no bandwidth. */
export function transferMs(sizeBytes: number, source: SourceView): number {
  return transferMsAt(sizeBytes, source.latencyMs, source.bandwidthBytesPerS)
}

export function transferMsAt(sizeBytes: number, latencyMs: number, bandwidthBytesPerS: number): number {
  return bandwidthBytesPerS > 0 ? latencyMs + (sizeBytes / bandwidthBytesPerS) * 1000 : Number.POSITIVE_INFINITY
}

/** null when no source can deliver. Ties go by rank of source, then by node id. */
export function cheapestSource(sizeBytes: number, sources: readonly SourceView[]): CheapestSource | null {
  let best: SourceView | null = null
  let bestMs = Number.POSITIVE_INFINITY
  for (const source of sources) {
    const ms = transferMs(sizeBytes, source)
    if (ms > bestMs || ms === Number.POSITIVE_INFINITY) continue
    if (best !== null && ms === bestMs && compareSources(source, best) >= 0) continue
    best = source
    bestMs = ms
  }
  return best === null ? null : { source: best, transferMs: bestMs }
}

/** Infinity when no source can deliver: such a model is worth more than any other. */
export function missCostMs(model: MissView, sources: readonly SourceView[]): number {
  const cheapest = cheapestSource(model.sizeBytes, sources)
  return cheapest === null ? Number.POSITIVE_INFINITY : cheapest.transferMs + model.initMs
}

function compareSources(left: SourceView, right: SourceView): number {
  const byRank = sourceOrder.indexOf(left.source) - sourceOrder.indexOf(right.source)
  if (byRank !== 0) return byRank
  const byNode = compareIds(left.node ?? '', right.node ?? '')
  if (byNode !== 0) return byNode
  return left.latencyMs - right.latencyMs || right.bandwidthBytesPerS - left.bandwidthBytesPerS
}

/** The last word in every tie of this folder: code unit order, the same on every machine (localeCompare is not). */
export function compareIds(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
