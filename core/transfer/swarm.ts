/**
 * What one fetch knows of the other nodes that fetch the same model: which chunks each of them has, what they have asked of whom, and so
 * how many have a chunk and how much a source has to send. They tell (progress.ts).
 */
import { assertInvariant, type NodeId, pairWeight, type Sha256 } from '../../common/index.ts'
import { firstHomes, type Member } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import { FreshChunks } from './fresh-chunks.ts'
import type { PeerSource } from './peer-source.ts'
import { type ChunkRanges, newsOverlap, type Progress } from './progress.ts'
import { originKey, type SourceKey } from './source-stats.ts'

/** Another node that fetches the model. */
export interface Mate {
  peer: PeerSource
  readonly sinceMs: number
  /** By place a byte per chunk; null until it has told. */
  has: Uint8Array | null
  /** Of the chunks that this node fetches. */
  lackCount: number
  /** Chunks that it has and this node still wants. */
  readonly useful: Set<ChunkState>
  asks: readonly { readonly state: ChunkState | null; readonly source: SourceKey }[]
  toldAtMs: number
  lastSequence: number
}

/** Of a crowd so many are enough to ask an origin or another zone: more would have to hear of each other first. */
const askersMax = 16
/** Chunks under way to a crowd from one place, until it is known how fast they come. */
const firstWindow = 2
const windowMax = 256
/** As long as a chunk from there may take: beyond it fewer come sooner, below it more would come as fast. */
const windowMs = 1_000

export class Swarm {
  readonly fresh: FreshChunks
  /** No other node of this zone fetches the model. */
  isAlone = true
  windowCount = firstWindow
  readonly mates = new Map<NodeId, Mate>()
  /** When a chunk last came to one of the nodes that are known here. */
  movedAtMs: number
  private readonly self: Member
  private readonly modelHash: number
  private readonly chunks: readonly ChunkState[]
  private readonly byBlob = new Map<Sha256, ChunkState[]>()
  private readonly loads = new Map<SourceKey, number>()
  private readonly freeSinceMs = new Map<SourceKey, number>()
  private nearAskers: readonly Member[] = []
  private allAskers: readonly Member[] = []

  /** @param chunks of the fetch, by place. */
  constructor(self: Member, modelHash: number, chunks: readonly ChunkState[], nowMs: number) {
    this.self = self
    this.modelHash = modelHash
    this.chunks = chunks
    this.fresh = new FreshChunks(chunks)
    this.movedAtMs = nowMs
    for (const state of chunks) {
      state.heldNear = state.heldFar = state.askedCount = 0
      const { blob, index } = state.chunk
      const known = this.byBlob.get(blob) ?? []
      if (known.length === 0) this.byBlob.set(blob, known)
      known[index] = state
    }
  }

  /** Those of which one is to ask for a chunk that no node near has, or no node at all. */
  askers(ofAll: boolean): readonly Member[] {
    return ofAll ? this.allAskers : this.nearAskers
  }

  /** The others, where this node is one of them. */
  fellowAskers(): Mate[] {
    const askers = [...this.nearAskers, ...this.allAskers]
    if (!askers.some(({ key }) => key === this.self.key)) return []
    return askers.flatMap(({ key }) => this.mates.get(key) ?? [])
  }

  isNear({ peer }: Mate): boolean {
    return this.isAlone || peer.sameZone
  }

  /** How many of the nodes near have it, this one not counted. */
  heldNear(state: ChunkState): number {
    return this.isAlone ? state.heldNear + state.heldFar : state.heldNear
  }

  /** No other node near that fetches the model. */
  isUpstream(source: SourceKey): boolean {
    const mate = this.mates.get(source)
    return mate === undefined || !this.isNear(mate)
  }

  /** A chunk came to this node. How long it takes from where no node near has it says how many are to be on their way from there. */
  came(source: SourceKey, elapsedMs: number, nowMs: number): void {
    this.movedAtMs = nowMs
    if (!this.isUpstream(source)) return
    const factor = Math.min(2, Math.max(0.5, windowMs / Math.max(1, elapsedMs)))
    this.windowCount = Math.min(windowMax, Math.max(2, (this.windowCount * (1 + factor)) / 2))
  }

  /** How long the source has been seen to have room. */
  freeForMs(source: SourceKey, nowMs: number): number {
    const sinceMs = this.freeSinceMs.get(source)
    if (sinceMs === undefined) this.freeSinceMs.set(source, nowMs)
    return nowMs - (sinceMs ?? nowMs)
  }

  busy(source: SourceKey): void {
    this.freeSinceMs.delete(source)
  }

  /** How many that may ask for more come before this node at a source. */
  rankAt(source: PeerSource, flightsMax: number): number {
    const own = pairWeight(source.keyHash, this.self.keyHash)
    const sourceHas = this.mates.get(source.key)?.has ?? null
    let rank = 0
    for (const mate of this.mates.values()) {
      const { peer, asks, has, lackCount } = mate
      if (has === null || lackCount === 0 || asks.length >= flightsMax || peer.key === source.key) continue
      if (pairWeight(source.keyHash, peer.keyHash) > own && wantsOf(mate, sourceHas)) rank += 1
    }
    return rank
  }

  /** How many of those that have asked a source come before this node there. */
  askedBefore(source: Member): number {
    const own = pairWeight(source.keyHash, this.self.keyHash)
    let count = 0
    for (const { peer, asks } of this.mates.values()) {
      if (pairWeight(source.keyHash, peer.keyHash) < own) continue
      for (const ask of asks) if (ask.source === source.key) count += 1
    }
    return count
  }

  /** Flights at a source, of the nodes that told. */
  loadOf(source: SourceKey): number {
    return this.loads.get(source) ?? 0
  }

  /** @param peers that fetch the model and may be used now. @returns whether there are more than before. */
  follow(peers: readonly PeerSource[], nowMs: number): boolean {
    let hasMore = false
    for (const peer of peers) {
      const mate = this.mates.get(peer.key)
      if (mate !== undefined && mate.peer.sameZone === peer.sameZone) mate.peer = peer
      else {
        if (mate !== undefined) this.remove(mate)
        this.mates.set(peer.key, newMate(peer, nowMs))
        hasMore = true
      }
    }
    const hasLess = this.mates.size > peers.length
    if (hasLess) {
      const present = new Set(peers.map(({ key }) => key))
      for (const mate of this.mates.values()) if (!present.has(mate.peer.key)) this.remove(mate)
    }
    if (hasMore || hasLess) this.electAskers()
    return hasMore
  }

  private electAskers(): void {
    const mates = [...this.mates.values()]
    this.isAlone = !mates.some(({ peer }) => peer.sameZone)
    const near = mates.filter((mate) => this.isNear(mate)).map(({ peer }) => peer)
    this.nearAskers = firstHomes(this.modelHash, [this.self, ...near], askersMax)
    this.allAskers = firstHomes(this.modelHash, [this.self, ...mates.map(({ peer }) => peer)], askersMax)
    this.fresh.restart()
  }

  /** False when news were lost before these, so that it is not known what the node has. */
  hear(from: NodeId, progress: Progress, nowMs: number): boolean {
    const mate = this.mates.get(from)
    if (mate === undefined) return false
    const { lacks, got, asks, sequence } = progress
    const isNewer = lacks !== null || sequence > mate.lastSequence
    if (isNewer) this.setAsks(mate, asks, nowMs)
    if (lacks !== null) {
      this.forget(mate)
      mate.has = new Uint8Array(this.chunks.length).fill(1)
      mate.lackCount = this.chunks.length
      for (const state of this.states(lacks)) mate.has[state.place] = 0
      for (const state of this.chunks) if (mate.has[state.place] === 1) this.count(mate, state, 1)
    } else if (mate.has !== null && sequence <= mate.lastSequence + newsOverlap) {
      for (const state of this.states(got)) {
        if (mate.has[state.place] === 1) continue
        mate.has[state.place] = 1
        this.count(mate, state, 1)
      }
    } else if (mate.has !== null) this.forget(mate)
    if (isNewer) mate.lastSequence = sequence
    if (got.length > 0) this.movedAtMs = nowMs
    return mate.has !== null
  }

  /** The node does not have it after all. */
  lacks(from: NodeId, state: ChunkState): void {
    const mate = this.mates.get(from)
    if (mate?.has?.[state.place] !== 1) return
    mate.has[state.place] = 0
    this.count(mate, state, -1)
  }

  /** It has told that it has the chunk, or tells nothing. */
  mayHave(from: NodeId, state: ChunkState): boolean {
    const has = this.mates.get(from)?.has
    return has === null || has?.[state.place] === 1
  }

  has(from: NodeId, state: ChunkState): boolean {
    return this.mates.get(from)?.has?.[state.place] === 1
  }

  /** The chunk is asked for or here now: of no use any more. */
  taken(state: ChunkState): void {
    for (const { useful } of this.mates.values()) useful.delete(state)
  }

  /** The chunk is wanted again. */
  wanted(state: ChunkState): void {
    for (const mate of this.mates.values()) if (mate.has?.[state.place] === 1) mate.useful.add(state)
  }

  /** News of asks are worth nothing after a while: the node that told has fallen silent. */
  expireAsks(olderMs: number, nowMs: number): void {
    for (const mate of this.mates.values()) {
      if (mate.asks.length > 0 && nowMs - mate.toldAtMs > olderMs) this.setAsks(mate, [], mate.toldAtMs)
    }
  }

  private remove(mate: Mate): void {
    this.forget(mate)
    this.setAsks(mate, [], mate.toldAtMs)
    this.mates.delete(mate.peer.key)
  }

  private forget(mate: Mate): void {
    if (mate.has === null) return
    for (const state of this.chunks) if (mate.has[state.place] === 1) this.count(mate, state, -1)
    mate.has = null
  }

  private count(mate: Mate, state: ChunkState, by: 1 | -1): void {
    mate.lackCount -= by
    if (mate.peer.sameZone) state.heldNear += by
    else state.heldFar += by
    assertInvariant(state.heldNear >= 0 && state.heldFar >= 0, 'a node has a chunk once')
    if (by < 0) {
      mate.useful.delete(state)
      this.fresh.restart()
    } else if (!state.done && state.flights.size === 0) mate.useful.add(state)
  }

  private setAsks(mate: Mate, asks: Progress['asks'], nowMs: number): void {
    for (const { state, source } of mate.asks) {
      this.loads.set(source, this.loadOf(source) - 1)
      if (state !== null) state.askedCount -= 1
    }
    mate.asks = asks.map(({ blob, index, node }) => ({
      state: this.byBlob.get(blob)?.[index] ?? null,
      source: node ?? originKey,
    }))
    for (const { state, source } of mate.asks) {
      this.loads.set(source, this.loadOf(source) + 1)
      if (state !== null) state.askedCount += 1
    }
    mate.toldAtMs = nowMs
  }

  private *states(all: readonly ChunkRanges[]): Iterable<ChunkState> {
    for (const { blob, ranges } of all) {
      const states = this.byBlob.get(blob)
      if (states === undefined) continue
      for (let at = 0; at + 1 < ranges.length; at += 2) {
        const end = Math.min(ranges[at + 1]!, states.length)
        for (let index = ranges[at]!; index < end; index += 1) {
          const state = states[index]
          if (state !== undefined) yield state
        }
      }
    }
  }
}

/** Whether a node with these chunks has any that the other neither has nor has asked for; null: it has all. */
function wantsOf({ has, asks, lackCount }: Mate, sourceHas: Uint8Array | null): boolean {
  if (sourceHas === null) return lackCount > asks.length
  for (let place = 0; place < sourceHas.length; place += 1) {
    if (sourceHas[place] === 1 && has![place] === 0 && !asks.some(({ state }) => state?.place === place)) return true
  }
  return false
}

function newMate(peer: PeerSource, nowMs: number): Mate {
  return {
    peer,
    sinceMs: nowMs,
    has: null,
    lackCount: 0,
    useful: new Set(),
    asks: [],
    toldAtMs: Number.NEGATIVE_INFINITY,
    lastSequence: 0,
  }
}
