/** Views of fetches, as plain data. Times of a timeline count from the beginning of its fetch. */
import type { ErrorCode, ModelId, NodeId, Sha256 } from '../../common/index.ts'
import type { ChunkFailure, ChunkReason, ChunkSource } from '../events.ts'

export type FetchState = 'running' | 'complete' | 'failed' | 'cancelled'

/** A peer and its id, or the origin. `node` is null of a peer when a fetch had too many of them to tell apart. */
export interface SourceName {
  readonly source: ChunkSource['kind']
  readonly node: NodeId | null
}

/** 'lost': its connection ended. 'distrusted': it sent wrong bytes. */
export type SourceState = 'used' | 'lost' | 'distrusted'

export interface FetchSource extends SourceName {
  readonly state: SourceState
  /** Verified bytes that it was the first to bring. */
  readonly bytes: number
  readonly chunks: number
  /** Verified bytes that another source had brought before. */
  readonly repeatedBytes: number
  /** Over the time in which something was asked of it; null before anything came. */
  readonly bytesPerS: number | null
  /** Chunks that are asked of it now. */
  readonly open: number
  readonly failures: Readonly<Partial<Record<ChunkFailure, number>>>
  /** Chunks that were asked of it, by why. */
  readonly asked: Readonly<Partial<Record<ChunkReason, number>>>
}

export interface FetchSummary {
  /** Counts from 1 since the start of the node. */
  readonly id: number
  readonly model: ModelId
  readonly state: FetchState
  /** By the clock of the core. */
  readonly startedMs: number
  readonly elapsedMs: number
  /** Why it failed, or was cancelled. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | null
  readonly totalBytes: number
  readonly doneBytes: number
  /** Part of both: was on this node before. */
  readonly localBytes: number
  /** Of what came, over the whole time. */
  readonly bytesPerS: number | null
  /** To be fetched. */
  readonly chunks: number
  readonly doneChunks: number
  /** The one that brought the most comes first. */
  readonly sources: readonly FetchSource[]
}

/** Chunks `first` to `last` of a blob's list. */
export interface ChunkRange {
  readonly blob: Sha256
  readonly first: number
  readonly last: number
}

export type TimelineEntry =
  /** Chunks that one source brought for one reason, from when the first was asked for until the last was here. */
  | (SourceName & {
      readonly kind: 'chunks'
      readonly fromMs: number
      readonly toMs: number
      readonly why: ChunkReason
      readonly chunks: number
      readonly bytes: number
      readonly bytesPerS: number
      readonly ranges: readonly ChunkRange[]
      /** Chunks beside those of `ranges`. */
      readonly more: number
    })
  /** So many times in a row; `chunk` is the first. */
  | (SourceName & {
      readonly kind: 'failure'
      readonly fromMs: number
      readonly toMs: number
      readonly failure: ChunkFailure
      readonly count: number
      readonly chunk: { readonly blob: Sha256; readonly index: number }
    })
  | (SourceName & {
      readonly kind: 'source'
      readonly fromMs: number
      readonly toMs: number
      /** 'back': it is connected again. */
      readonly change: Exclude<SourceState, 'used'> | 'back'
    })

export interface FetchTimeline {
  readonly fetch: FetchSummary
  readonly entries: readonly TimelineEntry[]
  /** The oldest ones, of a fetch with too many. */
  readonly omittedEntries: number
}
