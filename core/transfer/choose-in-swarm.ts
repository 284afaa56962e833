/**
 * Which chunk to ask of whom next, when other nodes fetch the same model.
 *
 * 1. A chunk that no node near has comes from the nearest place that has it: a holder in this zone, another zone, the origin, in this
 *    order. One node of the zone is to ask, for the origin one of all (rendezvous hashing); so a model leaves the origin once and enters
 *    a zone once. When that node lets it lie, the next takes over. Only a few such chunks are under way at one time (the window).
 * 2. The rarest chunk that a node near has, of the one that is to send the least.
 * 3. A holder in this zone of which nobody wants anything is asked for anything.
 * 4. A node that fetches the model but does not tell what it has, as earlier versions do, is simply asked.
 */
import type { RandomInt } from '../../common/index.ts'
import type { SourceChoice } from './choose-source.ts'
import { homeRank, type Member } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import type { Fetch } from './fetch.ts'
import type { PeerSource } from './peer-source.ts'
import { originKey, type SourceKey, type SourceStats } from './source-stats.ts'
import type { Mate, Swarm } from './swarm.ts'

export interface SwarmOptions {
  /**
   * A source is asked for one chunk at a time by all nodes together, and a node asks for one at a time: so a chunk comes whole as soon as
   * it can, and its receiver sends it on. On faster lines for as many more as come in this time, about until others hear of it.
   */
  readonly loadMs: number
  /** About as long as others need to hear what was asked of a source. */
  readonly turnMs: number
  /** A chunk that the elected node neither has nor asks for is left to the next one after this long. */
  readonly takeOverMs: number
  /** The same while that node tells that it has asked for it: over a slow line a chunk takes as long as it takes. */
  readonly takeOverAskedMs: number
  /** Until then a crowd's nodes do not know what the others ask of a holder. */
  readonly spareAfterMs: number
  /** A node that has something and was asked for nothing for so long is asked even by one that has enough under way: lines may be slow. */
  readonly idleAfterMs: number
  /** A node that has not told by then is asked without being known to have the chunk. */
  readonly untoldMs: number
  /** Chunks that are compared to find a rare one. */
  readonly sampleCount: number
}

export const defaultSwarmOptions: SwarmOptions = {
  loadMs: 100,
  turnMs: 100,
  takeOverMs: 3_000,
  takeOverAskedMs: 60_000,
  spareAfterMs: 700,
  idleAfterMs: 5_000,
  untoldMs: 1_500,
  sampleCount: 32,
}

export interface SwarmChoice extends SourceChoice {
  readonly state: ChunkState
}

export interface SwarmView {
  readonly self: Member
  readonly fetch: Fetch
  readonly swarm: Swarm
  /** Usable peers that have the whole model. */
  readonly holders: readonly PeerSource[]
  readonly sourceStats: SourceStats
  readonly isOriginOpen: boolean
  readonly flightsPerPeerMax: number
  /** Of a fetch in a crowd. */
  readonly flightsMax: number
  readonly random: RandomInt
  readonly nowMs: number
}

/** From where a chunk comes that no node near has. */
type Upstream = 'holder' | 'zone' | 'origin'

export function chooseInSwarm(view: SwarmView, options: SwarmOptions): SwarmChoice | null {
  const isHungry = view.fetch.flightCount < view.flightsMax
  return (
    chooseFresh(view, options) ??
    chooseRarest(view, isHungry, options) ??
    (isHungry ? (chooseSpare(view, options) ?? chooseUntold(view, options)) : null)
  )
}

function chooseFresh(view: SwarmView, options: SwarmOptions): SwarmChoice | null {
  const { fetch } = view
  const [near, far] = split(view)
  let choice: SwarmChoice | null = null
  forEachDue(view, options, (state, upstream, rank) => {
    if (!fetch.wanted.has(state.chunk.sha256)) return true
    const key = sourceOf(view, state, upstream, near, far, options)
    if (key === null) return true
    choice = { state, key, why: rank === 0 ? 'own-share' : 'home-late' }
    return false
  })
  return choice
}

/** Of the chunks in the window those that this node is to bring, in the agreed order. @param look false: enough. */
function forEachDue(
  view: SwarmView,
  options: SwarmOptions,
  look: (state: ChunkState, upstream: Upstream, rank: number) => boolean,
): void {
  const { swarm, nowMs } = view
  const [near, far] = split(view)
  const counts: Record<Upstream, number> = { holder: 0, zone: 0, origin: 0 }
  const windowCount = Math.max(1, Math.floor(swarm.windowCount))
  let looked = 0
  swarm.fresh.visit(
    (state) => !state.done && swarm.heldNear(state) === 0,
    (state) => {
      looked += 1
      const upstream = upstreamOf(view, state, near, far)
      if (upstream === null) return looked < 4 * windowCount
      counts[upstream] += 1
      if (counts[upstream] > windowCount) return looked < 4 * windowCount
      const rank = rankFor(view, state, upstream)
      if (rank > 0 && rank > leftForMs(state, upstream, nowMs) / patienceMs(state, options)) return true
      return look(state, upstream, rank)
    },
  )
}

/** The chunks that no node near has, and that this one is to bring now. */
export function dueHere(view: SwarmView, options: SwarmOptions): ReadonlySet<ChunkState> {
  const due = new Set<ChunkState>()
  forEachDue(view, options, (state, _upstream, rank) => {
    if (rank === 0) due.add(state)
    return true
  })
  return due
}

/** How long it has been left to another node to bring the chunk from there: anew when that node begins to, or gives up. */
function leftForMs(state: ChunkState, upstream: Upstream, nowMs: number): number {
  const how = `${upstream} ${state.askedCount > 0}`
  if (state.left?.how !== how) state.left = { how, sinceMs: nowMs }
  return nowMs - state.left.sinceMs
}

function patienceMs({ askedCount }: ChunkState, options: SwarmOptions): number {
  return askedCount > 0 ? options.takeOverAskedMs : options.takeOverMs
}

function upstreamOf(
  view: SwarmView,
  state: ChunkState,
  near: readonly PeerSource[],
  far: readonly PeerSource[],
): Upstream | null {
  if (near.some(({ key }) => mayHave(view, state, key))) return 'holder'
  if (state.heldFar > 0 || far.some(({ key }) => mayHave(view, state, key))) return 'zone'
  return view.fetch.originAllowed && mayHave(view, state, originKey) ? 'origin' : null
}

/** How many nodes are to ask for it before this one. */
function rankFor({ swarm, self }: SwarmView, state: ChunkState, upstream: Upstream): number {
  return homeRank(state.chunkHash, self.key, swarm.askers(upstream === 'origin'))
}

function sourceOf(
  view: SwarmView,
  state: ChunkState,
  upstream: Upstream,
  near: readonly PeerSource[],
  far: readonly PeerSource[],
  options: SwarmOptions,
): SourceKey | null {
  if (upstream === 'origin') return view.isOriginOpen ? originKey : null
  if (upstream === 'holder') return least(view, state, near, options)
  const mates = [...view.swarm.mates.values()].filter(({ has }) => has?.[state.place] === 1)
  return least(view, state, [...far, ...mates.map(({ peer }) => peer)], options)
}

/** Of the sources that may be asked now the one that is expected to deliver first. */
function least(
  view: SwarmView,
  state: ChunkState,
  peers: readonly PeerSource[],
  options: SwarmOptions,
): SourceKey | null {
  let best: SourceKey | null = null
  let bestMs = Number.POSITIVE_INFINITY
  for (const peer of peers) {
    if (!mayHave(view, state, peer.key) || !isFree(view, peer, state.chunk.sizeBytes, options)) continue
    const ms = expectedMs(view, peer, state.chunk.sizeBytes)
    if (ms >= bestMs) continue
    bestMs = ms
    best = peer.key
  }
  return best
}

/** @param isHungry false: only of those that nobody has asked for a while, although they have something. */
function chooseRarest(view: SwarmView, isHungry: boolean, options: SwarmOptions): SwarmChoice | null {
  const { swarm } = view
  let best: { state: ChunkState; key: SourceKey; held: number; ms: number } | null = null
  const mates = rotated([...swarm.mates.values()], view.random)
  for (const mate of mates) {
    if (mate.useful.size === 0 || !swarm.isNear(mate)) continue
    const state = rarestOf(view, mate, options.sampleCount)
    if (state === null || !isFree(view, mate.peer, state.chunk.sizeBytes, options)) continue
    const freeForMs = swarm.freeForMs(mate.peer.key, view.nowMs)
    if (!isHungry && freeForMs < options.idleAfterMs) continue
    if (!isMyTurn(view, mate.peer, state.chunk.sizeBytes, options)) continue
    const held = state.heldNear + state.heldFar + state.askedCount
    const ms = expectedMs(view, mate.peer, state.chunk.sizeBytes)
    if (best === null || held < best.held || (held === best.held && ms < best.ms)) {
      best = { state, key: mate.peer.key, held, ms }
    }
  }
  return best === null ? null : { state: best.state, key: best.key, why: 'rarest' }
}

function rarestOf(view: SwarmView, mate: Mate, sampleCount: number): ChunkState | null {
  let rarest: ChunkState | null = null
  let least = Number.POSITIVE_INFINITY
  let looked = 0
  for (const state of mate.useful) {
    looked += 1
    if (looked > sampleCount) break
    if (!mayHave(view, state, mate.peer.key)) continue
    const held = state.heldNear + state.heldFar + state.askedCount
    if (held >= least) continue
    least = held
    rarest = state
  }
  return rarest
}

function chooseSpare(view: SwarmView, options: SwarmOptions): SwarmChoice | null {
  const { fetch, nowMs, swarm, sourceStats, random } = view
  if (nowMs < fetch.startedAtMs + options.spareAfterMs) return null
  const [near] = split(view)
  for (const holder of near) {
    if (swarm.loadOf(holder.key) + sourceStats.flights(holder.key) > 0) continue
    if (fetch.givenUp.has(holder.key) || sourceStats.isPaused(holder.key, nowMs)) continue
    if (!isMyTurn(view, holder, fetch.meanChunkBytes, options)) continue
    const states = fetch.wanted.firstOf(options.sampleCount).filter((state) => mayHave(view, state, holder.key))
    if (states.length > 0) return { state: states[random(states.length)]!, key: holder.key, why: 'spare' }
  }
  return null
}

function chooseUntold(view: SwarmView, options: SwarmOptions): SwarmChoice | null {
  const { fetch, swarm, nowMs } = view
  const mates = [...swarm.mates.values()].filter(
    ({ has, sinceMs, peer }) => has === null && nowMs - sinceMs >= options.untoldMs && !fetch.givenUp.has(peer.key),
  )
  if (mates.length === 0) return null
  for (const state of fetch.wanted.firstOf(options.sampleCount)) {
    if (nowMs < state.askAgainAtMs) continue
    const key = least(
      view,
      state,
      mates.map(({ peer }) => peer),
      options,
    )
    if (key !== null) return { state, key, why: 'fetcher' }
  }
  return null
}

/** Holders near, and those that are not. Where no other node of this zone fetches and none holds, all are near. */
function split({ holders, swarm, sourceStats, nowMs }: SwarmView): [PeerSource[], PeerSource[]] {
  const [near, far]: [PeerSource[], PeerSource[]] = [[], []]
  for (const holder of holders) {
    // Failing ones are tried again, and others help meanwhile.
    if (sourceStats.failingForMs(holder.key, nowMs) > 1_500) continue
    if (holder.sameZone || swarm.isAlone) near.push(holder)
    else far.push(holder)
  }
  return [near, far]
}

/** More have asked the source than it is to serve at a time, because none knew of the others; and enough of them come before this node. */
export function isToYield(view: SwarmView, peer: PeerSource, sizeBytes: number, options: SwarmOptions): boolean {
  const { swarm, sourceStats } = view
  const loadMax = loadMaxOf(view, peer, sizeBytes, options)
  if (sourceStats.flights(peer.key) + swarm.loadOf(peer.key) <= loadMax) return false
  return swarm.askedBefore(peer) >= loadMax
}

/** Of all who would ask a source that has become free so many first as it can serve; they differ from source to source. */
function isMyTurn(view: SwarmView, peer: PeerSource, sizeBytes: number, options: SwarmOptions): boolean {
  const { swarm, sourceStats, nowMs } = view
  const own = sourceStats.flights(peer.key)
  const freeCount = loadMaxOf(view, peer, sizeBytes, options) - own - swarm.loadOf(peer.key)
  const freeForMs = swarm.freeForMs(peer.key, nowMs)
  const turn = freeCount + Math.floor(freeForMs / options.turnMs)
  return swarm.rankAt(peer, view.flightsMax) < turn
}

export function isFree(view: SwarmView, peer: PeerSource, sizeBytes: number, options: SwarmOptions): boolean {
  const { sourceStats, swarm, nowMs } = view
  const own = sourceStats.flights(peer.key)
  if (sourceStats.isPaused(peer.key, nowMs) || own >= view.flightsPerPeerMax) return false
  const isBelow = own + swarm.loadOf(peer.key) < loadMaxOf(view, peer, sizeBytes, options)
  if (!isBelow) swarm.busy(peer.key)
  return isBelow
}

function loadMaxOf({ sourceStats }: SwarmView, peer: PeerSource, sizeBytes: number, options: SwarmOptions): number {
  return flightsIn(sourceStats.capacityBytesPerS(peer.key) ?? 0, sizeBytes, options)
}

/** One, and what comes while others hear of it. */
export function flightsIn(bytesPerS: number, sizeBytes: number, { loadMs }: SwarmOptions): number {
  return 1 + Math.floor((bytesPerS * loadMs) / 1_000 / Math.max(1, sizeBytes))
}

/** Until the chunk would be here, after all that is known to be asked of the peer. */
export function expectedMs({ sourceStats, swarm }: SwarmView, peer: PeerSource, sizeBytes: number): number {
  const { latencyMs, bandwidthBytesPerS } = sourceStats.estimate(peer.key, peer)
  const capacity = sourceStats.capacityBytesPerS(peer.key) ?? bandwidthBytesPerS
  const flights = sourceStats.flights(peer.key) + swarm.loadOf(peer.key) + 1
  return latencyMs + (flights * sizeBytes * 1_000) / capacity
}

function mayHave({ fetch }: SwarmView, state: ChunkState, key: SourceKey): boolean {
  return !fetch.givenUp.has(key) && !state.barred.has(key)
}

/** From a drawn place on, so that equal ones are taken in turn. */
function rotated<T>(items: T[], random: RandomInt): T[] {
  if (items.length < 2) return items
  const start = random(items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}
