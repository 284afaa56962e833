/** Small models with true digests, and the bytes behind them. */
import { createHash } from 'node:crypto'
import type { ModelId, Sha256 } from '../../common/types.ts'
import { buildManifest, type Manifest } from '../../origin/index.ts'

export const chunkBytes = 64 * 1024

export interface TestModel {
  readonly id: ModelId
  readonly manifest: Manifest
  /** Canonical bytes of the manifest. */
  readonly manifestBytes: Uint8Array
  readonly blobs: ReadonlyMap<Sha256, Buffer>
}

export function sha256(bytes: Uint8Array): Sha256 {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Bytes that differ by seed and place, the same on every run. */
export function bytesOf(sizeBytes: number, seed: string): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at < sizeBytes; at += 32) createHash('sha256').update(`${seed} ${at}`).digest().copy(bytes, at)
  return bytes
}

export function modelOf(files: Readonly<Record<string, Buffer>>, annotations: Record<string, string> = {}): TestModel {
  const blobs = new Map(Object.values(files).map((bytes) => [sha256(bytes), bytes]))
  const { manifest, bytes, digest } = buildManifest(
    Object.entries(files).map(([path, content]) => {
      const chunks = []
      for (let at = 0; at < content.length; at += chunkBytes) {
        const chunk = content.subarray(at, at + chunkBytes)
        chunks.push({ sha256: sha256(chunk), sizeBytes: chunk.length })
      }
      return { path, sizeBytes: content.length, sha256: sha256(content), chunks }
    }),
    annotations,
  )
  return { id: digest, manifest, manifestBytes: bytes, blobs }
}
