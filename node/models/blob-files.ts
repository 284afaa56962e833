/** Files of a manifest as blobs of the store: their ids, how they are cut, and what clients are told of them. */
import type { BlobProof, Cut, PublishedFile, WantedBlob } from '../../native/index.ts'
import { blobIdOf, type Manifest, type ManifestFile } from '../../origin/index.ts'

/** Chunks of a form, which no manifest cuts. Another size would give all forms other ids. */
export const formChunkBytes = 8 * 2 ** 20

export function cutOf({ chunks }: Pick<ManifestFile, 'chunks'>): Cut {
  return chunks.map(({ sizeBytes }) => sizeBytes)
}

/** As Store.importFile cuts it. */
export function formCut(sizeBytes: number): Cut {
  const count = Math.ceil(sizeBytes / formChunkBytes)
  return Array.from({ length: count }, (_, index) => Math.min(formChunkBytes, sizeBytes - index * formChunkBytes))
}

export function proofOf(file: Pick<ManifestFile, 'chunks'>): BlobProof {
  return { cut: cutOf(file), chunks: file.chunks.map(({ sha256 }) => sha256) }
}

/** Nobody states the digests of its chunks. */
export function formProof(sizeBytes: number): BlobProof {
  return { cut: formCut(sizeBytes), chunks: [] }
}

export function publishedFiles({ files }: Manifest): PublishedFile[] {
  return files.map((file) => ({ path: file.path, id: blobIdOf(file), sha256: file.sha256, sizeBytes: file.sizeBytes }))
}

export function wantedBlobs({ files }: Manifest): WantedBlob[] {
  return files.map((file) => ({ id: blobIdOf(file), sha256: file.sha256, cut: cutOf(file) }))
}
