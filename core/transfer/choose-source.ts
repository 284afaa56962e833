/**
 * Where to ask for a chunk now, when no other node fetches the model: the key of a source and why it is this one, or null to wait. Among
 * others choose-in-swarm.ts decides.
 *
 * 1. A peer that has the model: the one expected to deliver first, counting what we already asked of it; any of those that are nearly as
 *    good, so that a crowd does not fall on one. While such a peer is merely at its limit we wait; the origin helps only when all holders
 *    have been failing for a while.
 * 2. The origin. For a first moment a fetch asks it for one chunk at a time: others may want the same and not know of us yet.
 */

import type { RandomInt } from '../../common/index.ts'
import { defaultRankSourcesOptions, rankSources, type SourceCandidate } from '../../placement/index.ts'
import type { ChunkReason } from '../events.ts'
import type { ChunkState } from './chunk-state.ts'
import type { Fetch } from './fetch.ts'
import type { PeerSource } from './peer-source.ts'
import { originKey, type SourceKey, type SourceStats } from './source-stats.ts'
import { anySource, type GroupOf } from './wanted-chunks.ts'

export interface ChooseSourceOptions {
  /** Flights at one peer. Enough to fill a link while one chunk is hashed; few enough that a slow peer holds up little. */
  readonly flightsPerPeerMax: number
  /** Flights at the origin: object stores give full speed only over several connections. */
  readonly flightsAtOriginMax: number
  /** All holders failed for this long: the origin helps. Longer than one pause, shorter than a user's patience. */
  readonly originHelpsAfterMs: number
  /** How long a new fetch spares the origin. About the time until others have heard that we fetch. */
  readonly headStartMs: number
  /** Peers expected to need at most this much longer than the best are as good, in percent. */
  readonly nearlyAsGoodPercent: number
}

export const defaultChooseSourceOptions: ChooseSourceOptions = {
  flightsPerPeerMax: 4,
  flightsAtOriginMax: 8,
  originHelpsAfterMs: 1_500,
  headStartMs: 300,
  nearlyAsGoodPercent: 25,
}

export interface ChooseSourceView {
  readonly fetch: Fetch
  readonly state: ChunkState
  /** Usable holders in order of their ids: not suspected, not distrusted. */
  readonly peers: readonly PeerSource[]
  /** Other nodes might want the same and share what each took from the origin. */
  readonly mayShare: boolean
  readonly sourceStats: SourceStats
  readonly random: RandomInt
  readonly nowMs: number
}

export interface SourceChoice {
  readonly key: SourceKey
  readonly why: ChunkReason
}

export function chooseSource(view: ChooseSourceView, options: ChooseSourceOptions): SourceChoice | null {
  const complete = view.peers.filter((peer) => mayHave(view, peer.key))
  if (complete.length > 0) {
    const chosen = choosePeer(view, complete, options)
    if (chosen !== null) return chosen
    const failing = complete.every(
      (peer) => view.sourceStats.failingForMs(peer.key, view.nowMs) >= options.originHelpsAfterMs,
    )
    return failing ? chooseOrigin(view, false, 'holders-failing', options) : null
  }
  return chooseOrigin(view, view.mayShare, 'no-peer', options)
}

/** A second source for a chunk that is already asked for, or null. */
export function chooseSecondSource(view: ChooseSourceView, options: ChooseSourceOptions): SourceChoice | null {
  const peers = view.peers.filter((peer) => !view.state.flights.has(peer.key))
  const choice = chooseSource({ ...view, peers }, options)
  return choice === null ? null : { ...choice, why: 'second' }
}

/** How chunks of which no source is known to lack them are told apart, and a text that changes with it. */
export function groupsOf({ fetch, peers }: Pick<ChooseSourceView, 'fetch' | 'peers'>): {
  readonly signature: string
  readonly groupOf: GroupOf
} {
  return peers.some(({ key }) => !fetch.givenUp.has(key))
    ? { signature: 'holders', groupOf: () => anySource }
    : { signature: 'origin', groupOf: () => originKey }
}

/** False when the source cannot be asked of any chunk now. */
export function isOpen(
  { fetch, sourceStats, nowMs }: Pick<ChooseSourceView, 'fetch' | 'sourceStats' | 'nowMs'>,
  key: SourceKey,
  options: ChooseSourceOptions,
): boolean {
  const isOrigin = key === originKey
  if (fetch.givenUp.has(key) || (isOrigin && !fetch.originAllowed) || sourceStats.isPaused(key, nowMs)) return false
  return sourceStats.flights(key) < (isOrigin ? options.flightsAtOriginMax : options.flightsPerPeerMax)
}

/** Nobody could be asked for this chunk, not even later. */
export function isHopeless(state: ChunkState, { fetch, peers }: Pick<ChooseSourceView, 'fetch' | 'peers'>): boolean {
  const view = { state, fetch }
  return !originMayHave(view) && !peers.some((peer) => mayHave(view, peer.key))
}

function choosePeer(
  view: ChooseSourceView,
  peers: readonly PeerSource[],
  options: ChooseSourceOptions,
): SourceChoice | null {
  const free = peers.filter((peer) => isFree(view, peer.key, options))
  const guess = meanBandwidth(view, peers)
  const candidates = free.map((peer) => candidateOf(view, peer, guess))
  const ranked = rankSources({ chunkBytes: view.state.chunk.sizeBytes, candidates, originAllowed: false })
  const costs = ranked.flatMap((source) => (source.kind === 'peer' ? [source] : []))
  const best = costs[0]
  if (best === undefined) return null
  const enoughMs = best.expectedMs * (1 + options.nearlyAsGoodPercent / 100)
  const good = costs.filter((source) => source.expectedMs <= enoughMs)
  return { key: good[view.random(good.length)]!.node, why: 'holder' }
}

/** Of those that were measured: a better guess for the others than one that knows nothing of these lines. */
function meanBandwidth({ sourceStats }: ChooseSourceView, peers: readonly PeerSource[]): number | null {
  let [sum, count] = [0, 0]
  for (const { key } of peers) {
    const bytesPerS = sourceStats.bandwidthBytesPerS(key)
    if (bytesPerS === null) continue
    sum += bytesPerS
    count += 1
  }
  return count === 0 ? null : sum / count
}

/** Our own pauses decide when a failing peer is tried again and when it is given up, so it is never left out here. */
function candidateOf(
  view: Pick<ChooseSourceView, 'sourceStats'>,
  peer: PeerSource,
  guessBytesPerS: number | null,
): SourceCandidate {
  return {
    node: peer.key,
    rttMs: peer.rttMs,
    sameZone: peer.sameZone,
    bandwidthBytesPerS: view.sourceStats.bandwidthBytesPerS(peer.key) ?? guessBytesPerS,
    inFlight: view.sourceStats.flights(peer.key),
    failures: Math.min(view.sourceStats.failuresInARow(peer.key), defaultRankSourcesOptions.failuresMax - 1),
  }
}

function chooseOrigin(
  view: ChooseSourceView,
  sparing: boolean,
  why: ChunkReason,
  options: ChooseSourceOptions,
): SourceChoice | null {
  const { sourceStats, fetch, nowMs } = view
  if (!originMayHave(view) || sourceStats.isPaused(originKey, nowMs) || view.state.flights.has(originKey)) return null
  if (sourceStats.flights(originKey) >= options.flightsAtOriginMax) return null
  const early = sparing && nowMs < fetch.startedAtMs + options.headStartMs
  return early && fetch.flightCount > 0 ? null : { key: originKey, why }
}

/** Time until the chunk would be here, after all that we asked of the peer before. */
export function expectedMs(view: Pick<ChooseSourceView, 'sourceStats' | 'state'>, peer: PeerSource): number {
  const speed = view.sourceStats.estimate(peer.key, peer)
  const bytes = view.sourceStats.flightBytes(peer.key) + view.state.chunk.sizeBytes
  return speed.latencyMs + (bytes * 1_000) / speed.bandwidthBytesPerS
}

function isFree(view: ChooseSourceView, key: SourceKey, options: ChooseSourceOptions): boolean {
  return (
    !view.state.flights.has(key) &&
    !view.sourceStats.isPaused(key, view.nowMs) &&
    view.sourceStats.flights(key) < options.flightsPerPeerMax
  )
}

function mayHave(view: Pick<ChooseSourceView, 'fetch' | 'state'>, key: SourceKey): boolean {
  return !view.fetch.givenUp.has(key) && !view.state.barred.has(key)
}

function originMayHave(view: Pick<ChooseSourceView, 'fetch' | 'state'>): boolean {
  return view.fetch.originAllowed && mayHave(view, originKey)
}
