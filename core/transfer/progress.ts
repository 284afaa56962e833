/**
 * What nodes that fetch the same model tell each other while they do: which of its chunks each has, and what each has asked of whom.
 * It travels between these nodes alone, by calls, and never by gossip.
 *
 * Chunks are named by blob and index, because a node does not know the digests of blobs that it does not fetch. The first news to a
 * node name the chunks that the teller lacks; later ones only those that came since.
 */
import type { ModelId, NodeId, Sha256 } from '../../common/index.ts'

/** Chunks of one blob: from, up to and without, from, ... in rising order. */
export interface ChunkRanges {
  readonly blob: Sha256
  readonly ranges: readonly number[]
}

export interface ChunkAsk {
  readonly blob: Sha256
  readonly index: number
  /** null: the origin. */
  readonly node: NodeId | null
}

export interface Progress {
  readonly model: ModelId
  /** Rises by one with every news from one node to another about one fetch. */
  readonly sequence: number
  /** All that is lacking; null in news that go on from the last ones. */
  readonly lacks: readonly ChunkRanges[] | null
  /** Verified and served since the news that were sent `newsOverlap` before these, so that one that is lost or overtaken does no harm. */
  readonly got: readonly ChunkRanges[]
  /** Under way to the teller now. */
  readonly asks: readonly ChunkAsk[]
  /** The teller does not know what the other has. */
  readonly wantsAll: boolean
}

/** News that may be lost or overtaken in a row. */
export const newsOverlap = 3

/** @param places of chunks, in any order. */
export function toRanges(places: Iterable<{ readonly blob: Sha256; readonly index: number }>): ChunkRanges[] {
  const byBlob = new Map<Sha256, number[]>()
  for (const { blob, index } of places) {
    const indexes = byBlob.get(blob)
    if (indexes === undefined) byBlob.set(blob, [index])
    else indexes.push(index)
  }
  return [...byBlob].map(([blob, indexes]) => ({ blob, ranges: rangesOf(indexes) }))
}

/** About as many bytes as the news take on the wire. For the simulator, which sends none. */
export function progressBytes({ lacks, got, asks }: Progress): number {
  const ranges = [...(lacks ?? []), ...got].reduce((bytes, one) => bytes + 40 + 3 * one.ranges.length, 0)
  return 80 + ranges + 44 * asks.length
}

function rangesOf(indexes: number[]): number[] {
  const ranges: number[] = []
  for (const index of indexes.sort((a, b) => a - b)) {
    if (ranges.at(-1) === index) ranges[ranges.length - 1] = index + 1
    else ranges.push(index, index + 1)
  }
  return ranges
}
