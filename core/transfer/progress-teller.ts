/**
 * What a fetch tells the other nodes that fetch the model, and when: at once when something changed, but no more often than they can use
 * it, and no more of them than it takes for all to hear of it in a few steps.
 */
import { type ModelId, type NodeId, pairWeight, type Sha256 } from '../../common/index.ts'
import type { Effect } from '../events.ts'
import type { ChunkState } from './chunk-state.ts'
import { type ChunkAsk, type ChunkRanges, newsOverlap, toRanges } from './progress.ts'
import { originKey } from './source-stats.ts'
import type { Mate, Swarm } from './swarm.ts'

export interface ProgressTellerOptions {
  /** Least time between two news. Shorter than a chunk takes on all but the fastest lines, and there a chunk more or less does not matter. */
  readonly tellMs: number
  /** News that may follow each other sooner. */
  readonly tellBurst: number
  /** Without a change news are told again after this, so that others know that what was asked for still is. */
  readonly repeatMs: number
  /** Nodes that are told. In a random graph of this degree all hear of a chunk that two or three others pass on. */
  readonly toldMax: number
}

export const defaultProgressTellerOptions: ProgressTellerOptions = {
  tellMs: 100,
  tellBurst: 4,
  repeatMs: 2_000,
  toldMax: 24,
}

/** News of a fetch. */
export interface ToldFetch {
  readonly model: ModelId
  readonly chunks: ReadonlyMap<Sha256, ChunkState>
  readonly flying: ReadonlySet<ChunkState>
  /** Rises with each change of the two. */
  readonly revision: number
}

interface Told {
  /** How many chunks had come at each of the last news, the oldest first. */
  readonly counts: number[]
  sequence: number
}

type SendProgress = Extract<Effect, { kind: 'send-progress' }>

export class ProgressTeller {
  private readonly options: ProgressTellerOptions
  /** Chunks that came, in this order. */
  private readonly came: ChunkState[] = []
  private readonly told = new Map<NodeId, Told>()
  private burst = 0
  private burstAtMs = Number.NEGATIVE_INFINITY
  private toldRevision = -1
  private toldAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ProgressTellerOptions) {
    this.options = options
  }

  chunkCame(state: ChunkState): void {
    this.came.push(state)
  }

  /** The node says that it does not know what came. */
  forgetTold(node: NodeId): void {
    this.told.delete(node)
  }

  /** @param isLast the fetch is over. */
  tell(fetch: ToldFetch, swarm: Swarm, selfHash: number, nowMs: number, isLast = false): SendProgress[] {
    for (const node of this.told.keys()) if (!swarm.mates.has(node)) this.told.delete(node)
    const mates = this.matesToTell(swarm, selfHash)
    const isDue =
      isLast ||
      (fetch.revision !== this.toldRevision && this.mayTell(nowMs)) ||
      nowMs - this.toldAtMs >= this.options.repeatMs
    const concerned = isDue ? mates : mates.filter(({ peer }) => !this.told.has(peer.key))
    if (concerned.length === 0) return []
    if (isDue) {
      this.toldRevision = fetch.revision
      this.toldAtMs = nowMs
    }
    const asks = isLast ? [] : asksOf(fetch)
    const gotSince = new Map<number, ChunkRanges[]>()
    let lacks: ChunkRanges[] | null = null
    return concerned.map((mate): SendProgress => {
      const known = this.told.get(mate.peer.key)
      const told = known ?? { counts: [], sequence: 0 }
      this.told.set(mate.peer.key, told)
      told.sequence += 1
      const [since = 0] = told.counts
      told.counts.push(this.came.length)
      if (told.counts.length > newsOverlap) told.counts.shift()
      const wantsAll = mate.has === null && !isLast
      const common = { model: fetch.model, sequence: told.sequence, asks, wantsAll }
      if (known === undefined) {
        lacks ??= lacksOf(fetch)
        return { kind: 'send-progress', to: mate.peer.key, progress: { ...common, lacks, got: [] } }
      }
      const got = gotSince.get(since) ?? toRanges(this.came.slice(since).map(({ chunk }) => chunk))
      gotSince.set(since, got)
      return { kind: 'send-progress', to: mate.peer.key, progress: { ...common, lacks: null, got } }
    })
  }

  /** A few news may follow each other at once. */
  private mayTell(nowMs: number): boolean {
    const { tellMs, tellBurst } = this.options
    const refilled = (nowMs - this.burstAtMs) / tellMs
    this.burst = Math.min(tellBurst, this.burst + refilled)
    this.burstAtMs = nowMs
    if (this.burst < 1) return false
    this.burst -= 1
    return true
  }

  /** Each pair weighs the same from both its ends: two nodes mostly choose each other. Those that elect one of them know each other. */
  private matesToTell(swarm: Swarm, selfHash: number): Mate[] {
    const { toldMax } = this.options
    const mates = [...swarm.mates.values()]
    if (mates.length <= toldMax) return mates
    const weightOf = ({ peer: { keyHash } }: Mate) =>
      pairWeight(Math.min(selfHash, keyHash), Math.max(selfHash, keyHash))
    const chosen = new Set(mates.toSorted((a, b) => weightOf(b) - weightOf(a)).slice(0, toldMax))
    for (const mate of swarm.fellowAskers()) chosen.add(mate)
    return [...chosen]
  }
}

function asksOf(fetch: ToldFetch): ChunkAsk[] {
  const asks: ChunkAsk[] = []
  for (const { chunk, flights } of fetch.flying) {
    for (const key of flights.keys()) {
      asks.push({ blob: chunk.blob, index: chunk.index, node: key === originKey ? null : key })
    }
  }
  return asks
}

function lacksOf(fetch: ToldFetch): ChunkRanges[] {
  const lacking: { blob: string; index: number }[] = []
  for (const { done, chunk } of fetch.chunks.values()) if (!done) lacking.push(chunk)
  return toRanges(lacking)
}
