/**
 * Groups the chunks of a file into reads: neighbours that lie side by side in one object of the origin are read together. A model of many
 * small tensors costs as few requests as one of large ones.
 */
import type { Chunk, Extent } from '../types.ts'

export interface PlacedChunk extends Chunk {
  /** From the first byte of the file. */
  readonly offsetBytes: number
}

/** Chunks in file order, without gaps. */
export type Run<T extends PlacedChunk = PlacedChunk> = readonly [T, ...T[]]

export const runBytes = (run: Run): number => run.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

/** The chunks of a file with their places. */
export function placedChunks(chunks: readonly Chunk[]): PlacedChunk[] {
  let offsetBytes = 0
  return chunks.map((chunk) => {
    const placed = { ...chunk, offsetBytes }
    offsetBytes += chunk.sizeBytes
    return placed
  })
}

/**
 * Runs of at most `runBytesMax`, each in one extent where its chunks are; a chunk that is larger, or lies in several extents, is a run of
 * its own.
 *
 * @param chunks of one file, by rising places; some may be left out.
 * @param extents of the whole file.
 */
export function planRuns<T extends PlacedChunk>(
  chunks: readonly T[],
  extents: readonly Extent[],
  runBytesMax: number,
): Run<T>[] {
  const runs: [T, ...T[]][] = []
  const ends = endsOf(extents)
  let extent = 0
  /** Of the last run: where it ends, in which extent, and its size; null when nothing can join it. */
  let last = null as { endBytes: number; extent: number; sizeBytes: number } | null
  for (const chunk of chunks) {
    const endBytes = chunk.offsetBytes + chunk.sizeBytes
    while (extent < ends.length - 1 && ends[extent]! <= chunk.offsetBytes) extent++
    const isWhole = endBytes <= (ends[extent] ?? 0)
    const touches: boolean = isWhole && last?.endBytes === chunk.offsetBytes && last.extent === extent
    const sizeBytes: number = chunk.sizeBytes + (touches ? last!.sizeBytes : 0)
    const joins: boolean = touches && sizeBytes <= runBytesMax
    if (joins) runs.at(-1)!.push(chunk)
    else runs.push([chunk])
    last = isWhole ? { endBytes, extent, sizeBytes: joins ? sizeBytes : chunk.sizeBytes } : null
  }
  return runs
}

function endsOf(extents: readonly Extent[]): number[] {
  let endBytes = 0
  return extents.map(({ sizeBytes }) => {
    endBytes += sizeBytes
    return endBytes
  })
}
