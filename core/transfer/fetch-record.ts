/** One fetch as it was seen: what was asked of whom and why, what came, what failed, and how it ended. */
import type { ModelId, NodeId, Sha256 } from '../../common/index.ts'
import type { ChunkFailure, ChunkReason, ChunkSource, FetchChunk } from '../events.ts'
import type { Failure } from '../failure.ts'
import type { FetchState, FetchSummary, FetchTimeline, SourceName } from './fetch-views.ts'
import { keyOf, type SourceKey } from './source-stats.ts'
import { SourceTally } from './source-tally.ts'
import { Timeline, type TimelineOptions } from './timeline.ts'

export interface FetchRecordOptions extends TimelineOptions {
  /** Sources that are told apart; further ones are counted together. */
  readonly sourcesMax: number
}

interface Flight {
  readonly chunk: FetchChunk
  readonly tally: SourceTally
  readonly why: ChunkReason
  readonly askedMs: number
  /** The plan waits for it no more; it may come all the same. */
  isLost: boolean
}

export class FetchRecord {
  readonly id: number
  readonly model: ModelId
  private readonly startedMs: number
  private readonly options: FetchRecordOptions
  private readonly timeline: Timeline
  private readonly tallies = new Map<SourceKey, SourceTally>()
  private others: SourceTally | null = null
  private readonly flights = new Map<string, Flight>()
  private readonly wanted = new Set<Sha256>()
  private readonly done = new Set<Sha256>()
  private state: FetchState = 'running'
  private endedMs: number | null = null
  private failure: Failure | null = null
  private fetchBytes = 0
  private doneBytes = 0
  private chunkCount = 0
  private doneCount = 0
  private localBytes = 0

  constructor(id: number, model: ModelId, nowMs: number, options: FetchRecordOptions) {
    this.id = id
    this.model = model
    this.startedMs = nowMs
    this.options = options
    this.timeline = new Timeline(options)
  }

  add(chunks: readonly FetchChunk[], localBytes: number): void {
    this.localBytes += localBytes
    for (const { sha256, sizeBytes } of chunks) {
      if (this.wanted.has(sha256)) continue
      this.wanted.add(sha256)
      this.chunkCount += 1
      this.fetchBytes += sizeBytes
    }
  }

  asked(chunk: FetchChunk, source: ChunkSource, why: ChunkReason, nowMs: number): void {
    const tally = this.tallyOf(source)
    const key = flightKey(chunk.sha256, source)
    const before = this.flights.get(key)
    if (before !== undefined && !before.isLost) before.tally.close(nowMs)
    this.flights.set(key, { chunk, tally, why, askedMs: nowMs, isLost: false })
    tally.ask(why, nowMs)
  }

  /** How many bytes of it are new here. */
  came(sha256: Sha256, source: ChunkSource, nowMs: number): number {
    const flight = this.land(sha256, source, nowMs)
    if (flight === null) return 0
    const { chunk, tally, why, askedMs } = flight
    const isRepeated = this.done.has(sha256)
    tally.brought(chunk.sizeBytes, isRepeated)
    if (isRepeated) return 0
    this.done.add(sha256)
    this.doneCount += 1
    this.doneBytes += chunk.sizeBytes
    this.timeline.chunk(tally.name, why, chunk, askedMs, nowMs)
    return chunk.sizeBytes
  }

  failed(sha256: Sha256, source: ChunkSource, failure: ChunkFailure, nowMs: number): void {
    const flight = this.land(sha256, source, nowMs)
    if (flight === null) return
    flight.tally.failed(failure)
    this.timeline.failure(flight.tally.name, failure, flight.chunk, nowMs)
  }

  /** The plan took it back: another source is to bring it, or has. */
  dropped(sha256: Sha256, source: ChunkSource, nowMs: number): void {
    const flight = this.flights.get(flightKey(sha256, source))
    if (flight === undefined || flight.isLost) return
    flight.isLost = true
    flight.tally.close(nowMs)
  }

  /** Of a source that was asked for something here; of others nothing is told. */
  changed(node: NodeId, change: 'lost' | 'distrusted' | 'back', nowMs: number): void {
    const tally = this.tallies.get(node)
    const state = change === 'back' ? 'used' : change
    if (tally === undefined || tally.state === state || tally.state === 'distrusted') return
    tally.state = state
    this.timeline.source(node, change, nowMs)
    if (change !== 'back') this.lose(tally, nowMs)
  }

  end(state: Exclude<FetchState, 'running'>, failure: Failure | null, nowMs: number): void {
    for (const flight of this.flights.values()) if (!flight.isLost) flight.tally.close(nowMs)
    this.state = state
    this.failure = failure
    this.endedMs = nowMs
    // The options alone bound the history of an ended fetch.
    this.flights.clear()
    this.wanted.clear()
    this.done.clear()
  }

  summary(nowMs: number): FetchSummary {
    const { id, model, state, startedMs, failure, localBytes, doneBytes } = this
    const elapsedMs = Math.round((this.endedMs ?? nowMs) - startedMs)
    const tallies = [...this.tallies.values(), ...(this.others === null ? [] : [this.others])]
    return {
      id,
      model,
      state,
      startedMs,
      elapsedMs,
      failure: failure === null ? null : { code: failure.code, message: failure.message },
      totalBytes: localBytes + this.fetchBytes,
      doneBytes: localBytes + doneBytes,
      localBytes,
      bytesPerS: doneBytes === 0 ? null : Math.round((doneBytes * 1_000) / Math.max(1, elapsedMs)),
      chunks: this.chunkCount,
      doneChunks: this.doneCount,
      sources: tallies.map((tally) => tally.view(this.endedMs ?? nowMs)).sort((a, b) => b.bytes - a.bytes),
    }
  }

  view(nowMs: number): FetchTimeline {
    const { omittedEntries } = this.timeline
    return { fetch: this.summary(nowMs), entries: this.timeline.view(this.startedMs), omittedEntries }
  }

  private lose(tally: SourceTally, nowMs: number): void {
    for (const flight of this.flights.values()) {
      if (flight.tally !== tally || flight.isLost) continue
      flight.isLost = true
      tally.close(nowMs)
    }
  }

  private land(sha256: Sha256, source: ChunkSource, nowMs: number): Flight | null {
    const key = flightKey(sha256, source)
    const flight = this.flights.get(key)
    if (flight === undefined) return null
    this.flights.delete(key)
    if (!flight.isLost) flight.tally.close(nowMs)
    return flight
  }

  private tallyOf(source: ChunkSource): SourceTally {
    const key = keyOf(source)
    const known = this.tallies.get(key)
    if (known !== undefined) return known
    if (this.tallies.size >= this.options.sourcesMax) {
      this.others ??= new SourceTally({ source: 'peer', node: null })
      return this.others
    }
    const tally = new SourceTally(nameOf(source))
    this.tallies.set(key, tally)
    return tally
  }
}

function nameOf(source: ChunkSource): SourceName {
  return { source: source.kind, node: source.kind === 'peer' ? source.node : null }
}

function flightKey(sha256: Sha256, source: ChunkSource): string {
  return `${sha256} ${keyOf(source)}`
}
