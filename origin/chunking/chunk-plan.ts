/**
 * Where a file is cut into chunks, so that a fine-tune shares with its base every chunk that holds no changed tensor.
 *
 *     | header | t0 t1 t2 | t3 ............................. | t4 t5 |
 *     | chunk  |  chunk   | 8 MiB | 8 MiB | rest of t3       | chunk |
 *
 * Cuts depend on the sizes and the order of tensors, never on their distance from the start of the file: a header that
 * grows by a byte changes the header's own chunks and no other. Bytes between tensors (alignment) belong to the tensor
 * before them. A large tensor has chunks of its own, cut from its own start; small neighbours share one.
 *
 * Rejected: content-defined cuts. They find the same borders only after reading every byte, and weights are dense: between
 * two revisions whole tensors change or none.
 */
import { assertInvariant } from '../../common/index.ts'
import { chunkBytesMax } from '../manifest/manifest-limits.ts'

export interface ChunkPlanOptions {
  readonly chunkBytesMax: number
  /**
   * Neighbouring tensors share a chunk up to this sum; a larger tensor stands alone. A changed bias drags less than so much
   * along, while a manifest entry of 100 bytes and a request per chunk stay small beside what they bring.
   */
  readonly groupBytesMax: number
}

export const defaultChunkPlanOptions: ChunkPlanOptions = { chunkBytesMax, groupBytesMax: 64 * 1024 }

export interface ChunkPlanInput {
  readonly fileSizeBytes: number
  /** First bytes of the tensors, rising, all below fileSizeBytes; none for a file without known structure. */
  readonly tensorOffsets: readonly number[]
}

/** Sizes of the chunks in file order. They sum to the size of the file; none is empty. */
export function planChunks(input: ChunkPlanInput, options: ChunkPlanOptions = defaultChunkPlanOptions): number[] {
  const { fileSizeBytes, tensorOffsets } = input
  const sizes: number[] = []
  let groupBytes = 0
  const closeGroup = () => {
    if (groupBytes > 0) sizes.push(groupBytes)
    groupBytes = 0
  }

  cut(sizes, tensorOffsets[0] ?? fileSizeBytes, options.chunkBytesMax)
  tensorOffsets.forEach((offsetBytes, index) => {
    const endBytes = tensorOffsets[index + 1] ?? fileSizeBytes
    const sizeBytes = endBytes - offsetBytes
    assertInvariant(sizeBytes >= 0, `tensor offsets rise within the file: ${offsetBytes}, ${endBytes}`)
    if (groupBytes + sizeBytes > options.groupBytesMax) closeGroup()
    if (sizeBytes > options.groupBytesMax) cut(sizes, sizeBytes, options.chunkBytesMax)
    else groupBytes += sizeBytes
  })
  closeGroup()
  return sizes
}

/** Full chunks from the start of the run, the rest at its end. */
function cut(sizes: number[], runBytes: number, maxBytes: number): void {
  for (let leftBytes = runBytes; leftBytes > 0; leftBytes -= maxBytes) sizes.push(Math.min(leftBytes, maxBytes))
}
