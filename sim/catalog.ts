/** The models of a simulated world, and who wants them: names, sizes and chunks from a seed, demand by Zipf's law. */
import type { FetchChunk } from '../node/core/events.ts'
import type { Prng } from '../placement/prng.ts'
import type { ModelId, Sha256 } from '../placement/types.ts'

export interface SimModel {
  readonly id: ModelId
  readonly sizeBytes: number
  readonly initMs: number
  readonly chunks: readonly FetchChunk[]
}

export interface CatalogOptions {
  readonly modelCount: number
  /** Chunks per model: the least, and the span drawn. */
  readonly chunkCount: readonly [number, number]
  readonly chunkBytes: number
  readonly initMs: number
}

export const defaultCatalogOptions: CatalogOptions = {
  modelCount: 20,
  chunkCount: [4, 20],
  chunkBytes: 8 * 1024 * 1024,
  initMs: 100,
}

export function createCatalog(random: Prng, options: CatalogOptions): SimModel[] {
  return Array.from({ length: options.modelCount }, () => {
    const [least, span] = options.chunkCount
    const count = least + (span > 0 ? random.int(span + 1) : 0)
    const blob = drawDigest(random)
    const chunks = Array.from({ length: count }, (_, index) => ({
      blob,
      index,
      sha256: drawDigest(random),
      offsetBytes: index * options.chunkBytes,
      sizeBytes: options.chunkBytes,
    }))
    return { id: drawDigest(random), sizeBytes: count * options.chunkBytes, initMs: options.initMs, chunks }
  })
}

/** Draws ranks with probability proportional to 1 / (rank + 1)^exponent. */
export function createZipf(count: number, exponent: number, random: Prng): () => number {
  const cumulative: number[] = []
  let sum = 0
  for (let rank = 0; rank < count; rank += 1) {
    sum += (rank + 1) ** -exponent
    cumulative.push(sum)
  }
  return () => {
    const at = random.float() * sum
    let rank = 0
    while (rank < count - 1 && cumulative[rank]! < at) rank += 1
    return rank
  }
}

function drawDigest(random: Prng): Sha256 {
  return Array.from({ length: 8 }, () => random.uint32().toString(16).padStart(8, '0')).join('')
}
