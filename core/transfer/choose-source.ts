/**
 * Where to ask for a chunk now: the key of a source and why it is this one, or null to wait.
 *
 * 1. A peer that has the whole model: the one expected to deliver first, counting what we already asked of it; any of those
 *    that are nearly as good, so that a crowd does not fall on one. While such a peer is merely at its limit we ask others that are
 *    fetching it too, or wait; the origin helps only when there are none and all holders have been failing for a while.
 * 2. Nobody has it all, but others fetch it too: every chunk has a home among us (rendezvous hashing). The home takes it from the origin, the others from the home; so a crowd costs the origin about one copy. A home that
 *    still lacks the chunk after some time is passed over.
 * 3. The origin. For a first moment a fetch asks it for one chunk at a time: others may want the same and not know of us yet.
 */

import type { RandomInt } from '../../common/index.ts'
import { defaultRankSourcesOptions, rankSources, type SourceCandidate } from '../../placement/index.ts'
import type { ChunkReason } from '../events.ts'
import { homeOf, type Member } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import type { Fetch } from './fetch.ts'
import { originKey, type SourceKey, type SourceStats } from './source-stats.ts'
import { anySource, type GroupOf } from './wanted-chunks.ts'

export interface PeerSource extends Member {
  readonly rttMs: number | null
  readonly sameZone: boolean
  /** Has the whole model; otherwise it is fetching it. */
  readonly complete: boolean
}

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
  /** Answers "not yet" after which the home of a chunk is passed over. */
  readonly notYetMax: number
}

export const defaultChooseSourceOptions: ChooseSourceOptions = {
  flightsPerPeerMax: 4,
  flightsAtOriginMax: 8,
  originHelpsAfterMs: 1_500,
  headStartMs: 300,
  nearlyAsGoodPercent: 25,
  notYetMax: 8,
}

export interface ChooseSourceView {
  readonly self: Member
  readonly fetch: Fetch
  readonly state: ChunkState
  /** Usable peers in order of their ids: not suspected, not distrusted. */
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
  const peers = view.peers.filter((peer) => mayHave(view, peer.key))
  const complete = peers.filter((peer) => peer.complete)
  if (complete.length > 0) {
    const chosen = choosePeer(view, complete, 'holder', options)
    if (chosen !== null) return chosen
    // The crowd's first holders are asked by all of it; the other fetchers have most chunks by then.
    const fetchers = peers.filter((peer) => !peer.complete)
    if (fetchers.length > 0) return askFetcher(view, fetchers, options)
    const failing = complete.every(
      (peer) => view.sourceStats.failingForMs(peer.key, view.nowMs) >= options.originHelpsAfterMs,
    )
    return failing ? chooseOrigin(view, false, 'holders-failing', options) : null
  }
  if (peers.length > 0) return chooseAmongFetchers(view, peers, options)
  return chooseOrigin(view, view.mayShare, 'no-peer', options)
}

/**
 * A second source for a chunk that is already asked for, or null. In a crowd another fetcher, which may have it from the home by
 * now: the home is slow because all ask it, and the origin would see the crowd after all.
 */
export function chooseSecondSource(view: ChooseSourceView, options: ChooseSourceOptions): SourceChoice | null {
  const { state } = view
  const others = view.peers.filter((peer) => !state.flights.has(peer.key))
  const fetchers = others.filter((peer) => !peer.complete && mayHave(view, peer.key))
  if (fetchers.length === 0 || others.some((peer) => peer.complete)) {
    return asSecond(chooseSource({ ...view, peers: others }, options))
  }
  return asSecond(askFetcher(view, fetchers, options))
}

function asSecond(choice: SourceChoice | null): SourceChoice | null {
  return choice === null ? null : { ...choice, why: 'second' }
}

/** How chunks of which no source is known to lack them are told apart, and a text that changes with it. */
export function groupsOf(
  { self, fetch, peers }: Pick<ChooseSourceView, 'self' | 'fetch' | 'peers'>,
  { notYetMax }: ChooseSourceOptions,
): { readonly signature: string; readonly groupOf: GroupOf } {
  const usable = peers.filter(({ key }) => !fetch.givenUp.has(key))
  if (usable.some(({ complete }) => complete)) return { signature: 'holders', groupOf: () => anySource }
  if (usable.length === 0) return { signature: 'origin', groupOf: () => originKey }
  if (!fetch.originAllowed || fetch.givenUp.has(originKey)) return { signature: 'fetchers', groupOf: () => anySource }
  const members = [self, ...usable]
  const groupOf: GroupOf = ({ chunkHash, notYetCount }) => {
    const home = notYetCount >= notYetMax ? self.key : homeOf(chunkHash, members)
    return home === self.key ? originKey : home
  }
  return { signature: `homes ${usable.map(({ key }) => key).join(' ')}`, groupOf }
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
export function isHopeless(state: ChunkState, of: Pick<ChooseSourceView, 'fetch' | 'peers'>): boolean {
  const view = { state, fetch: of.fetch }
  return !originMayHave(view) && !of.peers.some((peer) => mayHave(view, peer.key))
}

function chooseAmongFetchers(
  view: ChooseSourceView,
  fetchers: readonly PeerSource[],
  options: ChooseSourceOptions,
): SourceChoice | null {
  const { state, nowMs } = view
  if (!originMayHave(view)) return askFetcher(view, fetchers, options)
  const home = homeOf(state.chunkHash, [view.self, ...fetchers])
  if (home === view.self.key || state.notYetCount >= options.notYetMax) {
    const why = home === view.self.key ? 'own-share' : 'home-late'
    return chooseOrigin(view, nowMs < view.fetch.startedAtMs + options.headStartMs, why, options)
  }
  if (nowMs < state.askAgainAtMs) return null
  return isFree(view, home, options) ? { key: home, why: 'home' } : null
}

/** Any fetcher, unless one said just now that it does not have the chunk yet. */
function askFetcher(
  view: ChooseSourceView,
  fetchers: readonly PeerSource[],
  options: ChooseSourceOptions,
): SourceChoice | null {
  return view.nowMs < view.state.askAgainAtMs ? null : choosePeer(view, fetchers, 'fetcher', options)
}

function choosePeer(
  view: ChooseSourceView,
  peers: readonly PeerSource[],
  why: ChunkReason,
  options: ChooseSourceOptions,
): SourceChoice | null {
  const free = peers.filter((peer) => isFree(view, peer.key, options))
  const candidates = free.map((peer) => candidateOf(view, peer))
  const ranked = rankSources({ chunkBytes: view.state.chunk.sizeBytes, candidates, originAllowed: false })
  const costs = ranked.flatMap((source) => (source.kind === 'peer' ? [source] : []))
  const best = costs[0]
  if (best === undefined) return null
  const enoughMs = best.expectedMs * (1 + options.nearlyAsGoodPercent / 100)
  const good = costs.filter((source) => source.expectedMs <= enoughMs)
  return { key: good[view.random(good.length)]!.node, why }
}

/** Our own pauses decide when a failing peer is tried again and when it is given up, so it is never left out here. */
function candidateOf(view: Pick<ChooseSourceView, 'sourceStats'>, peer: PeerSource): SourceCandidate {
  return {
    node: peer.key,
    rttMs: peer.rttMs,
    sameZone: peer.sameZone,
    bandwidthBytesPerS: view.sourceStats.bandwidthBytesPerS(peer.key),
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
