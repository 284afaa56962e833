/**
 * The identity of a blob on a node: the sha256 of its chunk list.
 *
 *   "holdfast blob 1" and a zero byte, then for each chunk in file order 32 bytes of digest and 8 bytes of size, big-endian
 *
 * A node hashes each chunk as it arrives. With this identity the chunks prove the whole, and no second pass over all bytes is needed. Every
 * entry has the same length, so no two lists have one encoding. The list is always hashed, that of a single chunk too: if the chunk's own
 * digest stood for the blob, a file whose bytes are the encoding of another blob's chunk list would have the name of that blob. An empty
 * file is a list without chunks.
 *
 * The same in C++: native/memory/blob_id.h.
 */
import { createHash } from 'node:crypto'
import { type BlobId, toBlobId } from '../../common/index.ts'
import type { Chunk, ManifestFile } from '../types.ts'

const domain = Buffer.from('holdfast blob 1\0', 'latin1')
const entryBytes = 40

const known = new WeakMap<readonly Chunk[], BlobId>()

/** Computed once for each list of chunks, which does not change. */
export function blobIdOf({ chunks }: Pick<ManifestFile, 'chunks'>): BlobId {
  const id = known.get(chunks) ?? computeBlobId(chunks)
  known.set(chunks, id)
  return id
}

function computeBlobId(chunks: readonly Chunk[]): BlobId {
  const encoded = Buffer.allocUnsafe(domain.length + chunks.length * entryBytes)
  domain.copy(encoded)
  let at = domain.length
  for (const { sha256, sizeBytes } of chunks) {
    encoded.write(sha256, at, 'hex')
    encoded.writeBigUInt64BE(BigInt(sizeBytes), at + 32)
    at += entryBytes
  }
  return toBlobId(createHash('sha256').update(encoded).digest('hex'))
}
