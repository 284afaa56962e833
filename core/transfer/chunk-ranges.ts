/** Chunks of blobs as ranges of their indexes: chunks of one source mostly follow each other, but not quite in order. */
import type { Sha256 } from '../../common/index.ts'
import type { ChunkRange } from './fetch-views.ts'

export interface MutableRange {
  readonly blob: Sha256
  first: number
  last: number
}

/** Flights of one source overlap; further back there is nothing to join. */
const lookBack = 8

/** Joins it to a range nearby that it touches, else appends it. */
export function putRange(ranges: MutableRange[], { blob, first, last }: ChunkRange): void {
  for (let at = ranges.length - 1; at >= Math.max(0, ranges.length - lookBack); at -= 1) {
    const range = ranges[at]!
    if (range.blob !== blob || first > range.last + 1 || last < range.first - 1) continue
    range.first = Math.min(range.first, first)
    range.last = Math.max(range.last, last)
    return
  }
  ranges.push({ blob, first, last })
}

/** In order of first appearance of their blobs and of their indexes, joined where they touch. */
export function normalRanges(ranges: readonly ChunkRange[]): MutableRange[] {
  const places = new Map<Sha256, number>()
  for (const { blob } of ranges) if (!places.has(blob)) places.set(blob, places.size)
  const normal: MutableRange[] = []
  for (const range of [...ranges].sort(
    (a, b) => places.get(a.blob)! - places.get(b.blob)! || a.first - b.first || a.last - b.last,
  )) {
    const before = normal.at(-1)
    if (before?.blob === range.blob && range.first <= before.last + 1) before.last = Math.max(before.last, range.last)
    else normal.push({ ...range })
  }
  return normal
}
