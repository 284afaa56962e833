/**
 * What is read in one go of a file on its way in: neighbouring chunks that lie side by side in one object of the origin. A model of many
 * small tensors costs as few requests as one of large ones.
 */
import type { Chunk, Extent } from '../types.ts'

export interface PlacedChunk extends Chunk {
  readonly offsetBytes: number
}

/** Chunks in file order, without gaps. */
export type Run = readonly [PlacedChunk, ...PlacedChunk[]]

export const runBytes = (run: Run): number => run.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

/**
 * Runs of at most `runBytesMax`, each in one extent where its chunks are; a chunk that is larger, or lies in several extents, is a run of
 * its own. `isWanted` leaves chunks out.
 */
export function planRuns(
  chunks: readonly Chunk[],
  extents: readonly Extent[],
  runBytesMax: number,
  isWanted: (chunk: PlacedChunk) => boolean = () => true,
): Run[] {
  const runs: [PlacedChunk, ...PlacedChunk[]][] = []
  const ends = endsOf(extents)
  let offsetBytes = 0
  let extent = 0
  let last: { endBytes: number; extent: number; sizeBytes: number } | null = null
  for (const chunk of chunks) {
    const placed = { ...chunk, offsetBytes }
    const endBytes = offsetBytes + chunk.sizeBytes
    while (extent < ends.length - 1 && ends[extent]! <= offsetBytes) extent++
    const isWhole = endBytes <= (ends[extent] ?? 0)
    if (isWanted(placed)) {
      const joins =
        isWhole &&
        last?.endBytes === offsetBytes &&
        last.extent === extent &&
        last.sizeBytes + chunk.sizeBytes <= runBytesMax
      if (joins) runs.at(-1)!.push(placed)
      else runs.push([placed])
      const sizeBytes: number = chunk.sizeBytes + (joins ? last!.sizeBytes : 0)
      last = isWhole ? { endBytes, extent, sizeBytes } : null
    }
    offsetBytes = endBytes
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
