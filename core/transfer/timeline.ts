/**
 * The timeline of one fetch, bounded: chunks that a source brought one after the other for one reason are one entry, failures alike.
 * When there are too many entries, those that lie near each other become one; what is still too much goes, the oldest first.
 */
import { assertInvariant, type NodeId } from '../../common/index.ts'
import type { ChunkFailure, ChunkReason, FetchChunk } from '../events.ts'
import { type MutableRange, normalRanges, putRange } from './chunk-ranges.ts'
import type { SourceName, SourceState, TimelineEntry } from './fetch-views.ts'

export interface TimelineOptions {
  readonly entriesMax: number
  /** Of one entry; further chunks are only counted. */
  readonly rangesMax: number
  /** What comes in this time is one entry at first: over a second a rate says something. */
  readonly spanMs: number
}

export const defaultTimelineOptions: TimelineOptions = { entriesMax: 256, rangesMax: 32, spanMs: 1_000 }

interface EntryBase {
  readonly name: SourceName
  /** Entries that may become one have the same. */
  readonly key: string
  /** When the first of what it tells was over. */
  readonly firstMs: number
  fromMs: number
  toMs: number
}

interface ChunksEntry extends EntryBase {
  readonly kind: 'chunks'
  readonly why: ChunkReason
  chunks: number
  bytes: number
  /** Since when the source worked at it: a chunk waits at the source until those before it are sent. */
  busyFromMs: number
  ranges: MutableRange[]
  more: number
}

interface FailureEntry extends EntryBase {
  readonly kind: 'failure'
  readonly failure: ChunkFailure
  readonly chunk: Pick<FetchChunk, 'blob' | 'index'>
  count: number
}

interface SourceEntry extends EntryBase {
  readonly kind: 'source'
  readonly change: Exclude<SourceState, 'used'> | 'back'
}

type Entry = ChunksEntry | FailureEntry | SourceEntry

export class Timeline {
  private readonly options: TimelineOptions
  private entries: Entry[] = []
  private readonly last = new Map<string, Entry>()
  private readonly lastCameMs = new Map<string, number>()
  private spanMs: number
  private omitted = 0

  constructor(options: TimelineOptions) {
    this.options = options
    this.spanMs = options.spanMs
  }

  get omittedEntries(): number {
    return this.omitted
  }

  chunk(name: SourceName, why: ChunkReason, chunk: FetchChunk, askedMs: number, nowMs: number): void {
    const { blob, index, sizeBytes } = chunk
    const busyFromMs = Math.max(askedMs, this.lastCameMs.get(keyOf(name)) ?? askedMs)
    this.lastCameMs.set(keyOf(name), nowMs)
    this.put({
      kind: 'chunks',
      name,
      key: `chunks ${why} ${keyOf(name)}`,
      firstMs: nowMs,
      fromMs: askedMs,
      toMs: nowMs,
      why,
      chunks: 1,
      bytes: sizeBytes,
      busyFromMs,
      ranges: [{ blob, first: index, last: index }],
      more: 0,
    })
  }

  failure(name: SourceName, failure: ChunkFailure, chunk: Pick<FetchChunk, 'blob' | 'index'>, nowMs: number): void {
    const key = `failure ${failure} ${keyOf(name)}`
    this.put({ kind: 'failure', name, key, firstMs: nowMs, fromMs: nowMs, toMs: nowMs, failure, chunk, count: 1 })
    // What comes after a failure is another run.
    for (const [other, entry] of this.last) {
      if (entry.kind === 'chunks' && keyOf(entry.name) === keyOf(name)) this.last.delete(other)
    }
  }

  source(node: NodeId, change: SourceEntry['change'], nowMs: number): void {
    const name: SourceName = { source: 'peer', node }
    this.put({ kind: 'source', name, key: `${change} ${node}`, firstMs: nowMs, fromMs: nowMs, toMs: nowMs, change })
  }

  view(startedMs: number): TimelineEntry[] {
    return [...this.entries]
      .sort((a, b) => a.fromMs - b.fromMs)
      .map((entry) => viewOf(entry, Math.round(entry.fromMs - startedMs), Math.round(entry.toMs - startedMs)))
  }

  private put(entry: Entry): void {
    const open = this.last.get(entry.key)
    if (open !== undefined && entry.toMs - open.firstMs < this.spanMs) {
      this.merge(open, entry)
      return
    }
    this.entries.push(entry)
    this.last.set(entry.key, entry)
    if (this.entries.length > this.options.entriesMax) this.thin()
  }

  /** To half of the limit, so that it does not happen again at once. */
  private thin(): void {
    const enough = this.options.entriesMax / 2
    for (let turns = 0; this.entries.length > enough && turns < 8; turns += 1) {
      this.spanMs *= 2
      this.mergeNear()
    }
    const surplus = Math.max(0, this.entries.length - this.options.entriesMax)
    this.omitted += surplus
    this.entries.splice(0, surplus)
    this.last.clear()
    for (const entry of this.entries) this.last.set(entry.key, entry)
  }

  private mergeNear(): void {
    const open = new Map<string, Entry>()
    this.entries = this.entries.filter((entry) => {
      const earlier = open.get(entry.key)
      if (earlier !== undefined && entry.toMs - earlier.firstMs < this.spanMs) {
        this.merge(earlier, entry)
        return false
      }
      open.set(entry.key, entry)
      return true
    })
  }

  private merge(into: Entry, entry: Entry): void {
    into.fromMs = Math.min(into.fromMs, entry.fromMs)
    into.toMs = Math.max(into.toMs, entry.toMs)
    if (into.kind === 'failure' && entry.kind === 'failure') into.count += entry.count
    if (into.kind !== 'chunks' || entry.kind !== 'chunks') return
    assertInvariant(into.key === entry.key, 'only entries of one kind become one')
    into.busyFromMs = Math.min(into.busyFromMs, entry.busyFromMs)
    into.chunks += entry.chunks
    into.bytes += entry.bytes
    into.more += entry.more
    for (const range of entry.ranges) putRange(into.ranges, range)
    if (into.ranges.length <= this.options.rangesMax) return
    into.ranges = normalRanges(into.ranges)
    for (const { first, last } of into.ranges.splice(this.options.rangesMax)) into.more += last - first + 1
  }
}

function keyOf({ source, node }: SourceName): string {
  return `${source} ${node ?? ''}`
}

function viewOf(entry: Entry, fromMs: number, toMs: number): TimelineEntry {
  const times = { ...entry.name, fromMs, toMs }
  switch (entry.kind) {
    case 'chunks': {
      const { why, chunks, bytes, more } = entry
      const bytesPerS = Math.round((bytes * 1_000) / Math.max(1, entry.toMs - entry.busyFromMs))
      return { kind: 'chunks', ...times, why, chunks, bytes, bytesPerS, ranges: normalRanges(entry.ranges), more }
    }
    case 'failure': {
      const { blob, index } = entry.chunk
      return { kind: 'failure', ...times, failure: entry.failure, count: entry.count, chunk: { blob, index } }
    }
    case 'source':
      return { kind: 'source', ...times, change: entry.change }
  }
}
