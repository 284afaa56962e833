/** Runs of zeros: sparse files have gigabytes of them, which are neither hashed one by one nor written. */
import { createHash } from 'node:crypto'
import type { Sha256 } from '../../common/index.ts'
import { chunkBytesMax } from '../manifest/manifest-limits.ts'

let zeros: Buffer | null = null
const digests = new Map<number, Sha256>()
/** Most files end in a chunk of a size of their own. */
const digestsMax = 64

/** Compares memory, so that a chunk of weights costs one look at its first bytes. At most a chunk. */
export function isZero(bytes: Uint8Array): boolean {
  zeros ??= Buffer.alloc(chunkBytesMax)
  if (bytes[0] || bytes.at(-1)) return false
  return zeros.compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}

/** sha256 of a chunk. */
export function chunkDigest(bytes: Uint8Array): Sha256 {
  return isZero(bytes) ? zeroDigest(bytes.length) : createHash('sha256').update(bytes).digest('hex')
}

function zeroDigest(sizeBytes: number): Sha256 {
  let digest = digests.get(sizeBytes)
  if (digest === undefined) {
    digest = createHash('sha256').update(zeros!.subarray(0, sizeBytes)).digest('hex')
    if (digests.size < digestsMax) digests.set(sizeBytes, digest)
  }
  return digest
}
