/** How much two models have in common, by chunks. */
import type { Sha256 } from '../../common/index.ts'
import type { Manifest } from '../types.ts'

export interface ManifestSummary {
  readonly files: number
  readonly sizeBytes: number
  readonly chunks: number
  /** Bytes of chunks that differ from each other: what the model takes in the origin if nothing else shares with it. */
  readonly distinctBytes: number
  readonly tensors: number
}

export function summarizeManifest(manifest: Manifest): ManifestSummary {
  let chunks = 0
  let tensors = 0
  let sizeBytes = 0
  for (const file of manifest.files) {
    chunks += file.chunks.length
    tensors += file.tensors?.length ?? 0
    sizeBytes += file.sizeBytes
  }
  const distinctBytes = sum(distinctChunks(manifest).values())
  return { files: manifest.files.length, sizeBytes, chunks, distinctBytes, tensors }
}

/** Bytes of distinct chunks that both models have. */
export function sharedBytes(a: Manifest, b: Manifest): number {
  const chunks = distinctChunks(a)
  let bytes = 0
  for (const sha256 of distinctChunks(b).keys()) bytes += chunks.get(sha256) ?? 0
  return bytes
}

function distinctChunks(manifest: Manifest): Map<Sha256, number> {
  return new Map(manifest.files.flatMap((file) => file.chunks.map((chunk) => [chunk.sha256, chunk.sizeBytes] as const)))
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
