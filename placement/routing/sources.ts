/**
 * Which peers to ask first for the bytes of a model: those expected to deliver a chunk first, given how far away they are, how
 * fast they have been and what is already asked of them. The origin comes last, for what no peer has: it is the farthest, it
 * charges for egress, and it is the one thing that all nodes share.
 *
 *   expected = round trip + (chunks in flight + 1) x bytes / bandwidth, doubled for each failure in a row
 *
 * A peer beyond `failuresMax` is left out rather than put last: a fetch that waits for a broken peer is slower than the origin.
 */

import type { NodeId } from '../../common/index.ts'
import { compareIds } from '../cost/cost.ts'

export interface SourceCandidate {
  readonly node: NodeId
  /** null when it was never measured. */
  readonly rttMs: number | null
  /** What it delivered lately; null when it has not delivered yet. */
  readonly bandwidthBytesPerS: number | null
  /** Chunks that this node has asked of it and not yet got. */
  readonly inFlight: number
  readonly sameZone: boolean
  /** Failures in a row. */
  readonly failures: number
}

export interface RankSourcesView {
  readonly chunkBytes: number
  /** Peers that have the bytes. */
  readonly candidates: readonly SourceCandidate[]
  /** False for a model that no origin knows, or while the origin is away. */
  readonly originAllowed: boolean
}

export interface RankSourcesOptions {
  /** Failures in a row after which a peer is left out. Three: one is chance, two a restart. */
  readonly failuresMax: number
  /** Assumed of a peer in this zone that was never measured: a LAN of 1 Gbit/s. */
  readonly nearRttMs: number
  readonly nearBandwidthBytesPerS: number
  /** Assumed of a peer in another zone that was never measured: 50 ms and 200 Mbit/s, between cities of one continent. */
  readonly farRttMs: number
  readonly farBandwidthBytesPerS: number
}

export const defaultRankSourcesOptions: RankSourcesOptions = {
  failuresMax: 3,
  nearRttMs: 1,
  nearBandwidthBytesPerS: 125_000_000,
  farRttMs: 50,
  farBandwidthBytesPerS: 25_000_000,
}

export type SourceReason =
  /** A peer of this zone. */
  | 'same-zone'
  /** A peer of another zone. */
  | 'other-zone'
  /** A peer that failed lately and is tried again behind better ones. */
  | 'recovering'
  /** The origin, for what no peer has. */
  | 'last-resort'

export type RankedSource =
  | { readonly kind: 'peer'; readonly node: NodeId; readonly expectedMs: number; readonly reason: SourceReason }
  | { readonly kind: 'origin'; readonly reason: SourceReason }

/** Best first; ties go to the same zone, then by node id. Empty when nobody may be asked. */
export function rankSources(
  view: RankSourcesView,
  options: RankSourcesOptions = defaultRankSourcesOptions,
): RankedSource[] {
  const ranked: RankedSource[] = view.candidates
    .filter((candidate) => candidate.failures < options.failuresMax)
    .map((candidate) => ({ candidate, expectedMs: expectedMs(candidate, view.chunkBytes, options) }))
    .sort(
      (left, right) =>
        left.expectedMs - right.expectedMs ||
        Number(right.candidate.sameZone) - Number(left.candidate.sameZone) ||
        compareIds(left.candidate.node, right.candidate.node),
    )
    .map(({ candidate, expectedMs }) => ({
      kind: 'peer',
      node: candidate.node,
      expectedMs,
      reason: candidate.failures > 0 ? 'recovering' : candidate.sameZone ? 'same-zone' : 'other-zone',
    }))
  if (view.originAllowed) ranked.push({ kind: 'origin', reason: 'last-resort' })
  return ranked
}

function expectedMs(candidate: SourceCandidate, chunkBytes: number, options: RankSourcesOptions): number {
  const rttMs = candidate.rttMs ?? (candidate.sameZone ? options.nearRttMs : options.farRttMs)
  const bandwidthBytesPerS =
    candidate.bandwidthBytesPerS ??
    (candidate.sameZone ? options.nearBandwidthBytesPerS : options.farBandwidthBytesPerS)
  const transferMs = ((candidate.inFlight + 1) * chunkBytes * 1000) / bandwidthBytesPerS
  return (rttMs + transferMs) * 2 ** candidate.failures
}
