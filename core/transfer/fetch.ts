/**
 * One model on its way in: which chunks are done, wanted or flying, and which sources this fetch has given up.
 *
 *   wanted --launch--> flying --done--> done
 *      ^                  |
 *      +---- last flight failed or lost
 *
 * A chunk flies at most once per source; a chunk that is done is never wanted again.
 */

import { assertInvariant, type ModelId, type RequestContext, type Sha256 } from '../../common/index.ts'
import type { FetchChunk } from '../events.ts'
import { hashText } from './chunk-home.ts'
import type { ChunkState } from './chunk-state.ts'
import type { ProgressTeller } from './progress-teller.ts'
import { originKey, type SourceKey } from './source-stats.ts'
import type { Swarm } from './swarm.ts'
import { WantedChunks } from './wanted-chunks.ts'

export class Fetch {
  readonly model: ModelId
  readonly startedAtMs: number
  readonly chunks = new Map<Sha256, ChunkState>()
  readonly wanted = new WantedChunks()
  /** Chunks that fly, the done ones of which a second flight is still under way included. */
  readonly flying = new Set<ChunkState>()
  /** Sources that failed too often for this fetch, and when they did so for the last time; Infinity: for good. */
  readonly givenUp = new Map<SourceKey, number>()
  readonly bytesBySource = { peer: 0, origin: 0 }
  originAllowed: boolean
  /** The other nodes that fetch the model: their progress, and the news sent to them; null while there are none. */
  swarm: Swarm | null = null
  teller: ProgressTeller | null = null
  /** Rises with all that others are told. */
  revision = 0
  flightCount = 0
  remaining = 0
  meanChunkBytes = 0
  /** Since when nothing flies and nobody can be asked; null while there is hope. */
  hopelessSinceMs: number | null = null
  private readonly strikes = new Map<SourceKey, number>()
  /** Tried again after they were given up: the next failure ends that. */
  private readonly onProbation = new Set<SourceKey>()
  private tenant: string
  private deadlineAtMs: number
  /** The earliest time at which a waiter gives up; the deadline once that has passed. */
  private dueAtMs: number

  constructor(model: ModelId, context: RequestContext, originAllowed: boolean, nowMs: number) {
    this.model = model
    this.startedAtMs = nowMs
    this.originAllowed = originAllowed
    this.tenant = context.tenant
    this.deadlineAtMs = nowMs + context.deadlineMs
    this.dueAtMs = this.deadlineAtMs
  }

  /** The fetch goes on for the one that waits longest, on the account of who asked first. */
  join(context: RequestContext, originAllowed: boolean, nowMs: number): void {
    const deadlineAtMs = nowMs + context.deadlineMs
    this.dueAtMs = Math.min(this.dueAt(nowMs), deadlineAtMs)
    this.deadlineAtMs = Math.max(this.deadlineAtMs, deadlineAtMs)
    this.originAllowed ||= originAllowed
  }

  context(nowMs: number): RequestContext {
    const { tenant, deadlineAtMs } = this
    const dueAtMs = this.dueAt(nowMs)
    const due = dueAtMs === deadlineAtMs ? {} : { dueMs: Math.max(0, dueAtMs - nowMs) }
    return { tenant, deadlineMs: Math.max(1, deadlineAtMs - nowMs), ...due }
  }

  /** When it is needed first; Infinity when at no certain time. */
  dueAt(nowMs: number): number {
    return this.dueAtMs >= nowMs ? this.dueAtMs : this.deadlineAtMs
  }

  /** A chunk that occurs twice is kept once, for its first place. */
  add(chunks: readonly FetchChunk[]): void {
    for (const chunk of chunks) {
      if (this.chunks.has(chunk.sha256)) continue
      // It counts chunks by their places: a new one begins with what the others then tell.
      this.swarm = null
      this.teller = null
      const state: ChunkState = {
        chunk,
        chunkHash: hashText(chunk.sha256),
        place: this.chunks.size,
        done: false,
        flights: new Map(),
        barred: new Set(),
        notYetCount: 0,
        askAgainAtMs: Number.NEGATIVE_INFINITY,
        originMismatches: 0,
        heldNear: 0,
        heldFar: 0,
        askedCount: 0,
        left: null,
      }
      this.chunks.set(chunk.sha256, state)
      this.wanted.add(state)
      this.remaining += 1
      this.meanChunkBytes += (chunk.sizeBytes - this.meanChunkBytes) / this.chunks.size
    }
  }

  /** Sets the order in which to ask: the wanted chunks, each once. */
  reorder(order: readonly ChunkState[]): void {
    assertInvariant(order.length === this.wanted.size, 'reordering keeps the wanted chunks')
    for (const state of order) this.wanted.delete(state)
    for (const state of order) this.wanted.add(state)
  }

  launch(state: ChunkState, key: SourceKey, nowMs: number): void {
    assertInvariant(!state.done && !state.flights.has(key), 'a chunk flies once per source, and never when done')
    state.flights.set(key, nowMs)
    this.flying.add(state)
    this.wanted.delete(state)
    this.swarm?.taken(state)
    this.revision += 1
    this.flightCount += 1
  }

  /** False when there was no such flight: it was given up before. */
  land(state: ChunkState, key: SourceKey): boolean {
    if (!state.flights.delete(key)) return false
    this.flightCount -= 1
    this.revision += 1
    if (state.flights.size > 0) return true
    this.flying.delete(state)
    if (state.done) return true
    this.wanted.add(state)
    this.swarm?.wanted(state)
    return true
  }

  finish(state: ChunkState, key: SourceKey): void {
    assertInvariant(!state.done, 'a chunk is done once')
    state.done = true
    this.wanted.delete(state)
    this.swarm?.taken(state)
    this.teller?.chunkCame(state)
    this.revision += 1
    this.remaining -= 1
    // What was under way when the source was given up has come after all: it works.
    if (this.givenUp.get(key) !== Number.POSITIVE_INFINITY) this.forgive(key)
    this.bytesBySource[key === originKey ? 'origin' : 'peer'] += state.chunk.sizeBytes
  }

  /** Counts a failure of the source; it is given up after `strikesMax` without a good chunk between. */
  strike(key: SourceKey, strikesMax: number, nowMs: number): void {
    const strikes = (this.strikes.get(key) ?? 0) + 1
    this.strikes.set(key, strikes)
    if (strikes >= strikesMax || this.onProbation.has(key)) this.givenUp.set(key, nowMs)
  }

  /** It sent wrong bytes: nothing makes that good for this fetch. */
  giveUpForGood(key: SourceKey): void {
    this.givenUp.set(key, Number.POSITIVE_INFINITY)
  }

  /** What failed for the last time at least so long ago may be tried once more. */
  forgiveOlder(afterMs: number, nowMs: number): void {
    for (const [key, atMs] of this.givenUp) {
      if (nowMs - atMs < afterMs) continue
      this.forgive(key)
      this.onProbation.add(key)
    }
  }

  /** The node came back: it starts with a clean slate. */
  forgive(key: SourceKey): void {
    this.strikes.delete(key)
    this.givenUp.delete(key)
    this.onProbation.delete(key)
  }
}
