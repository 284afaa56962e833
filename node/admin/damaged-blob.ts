/**
 * What becomes of a blob that was found damaged on disk, where it is no more: the next request makes or fetches it anew. Memory may have
 * been filled from it, where nothing is hashed on that way (disk.verifyReads); so it is hashed there too, and leaves memory when it is bad.
 */
import { createHash } from 'node:crypto'
import type { BlobId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf, type Chunk } from '../../origin/index.ts'
import type { BlobFacts } from '../models/index.ts'
import type { Log } from '../system/index.ts'

export interface DamagePorts {
  readonly store: Pick<Store, 'blob' | 'read'>
  /** Takes all models with the blob out of memory; false when one of them is in use. */
  readonly dropFromMemory: (blob: BlobId) => Promise<boolean>
  /** Blobs are gone: what the node holds is not what it said. */
  readonly onRemoved: () => void
  readonly onDamaged: () => void
  readonly log: Log
}

/** False when it is bad in memory too, and cannot leave it: programs have it open, or requests run. */
export async function takeOut(id: BlobId, facts: BlobFacts, ports: DamagePorts): Promise<boolean> {
  const { store, log } = ports
  ports.onDamaged()
  log.warn({ blob: id }, 'a damaged blob was removed from disk')
  const isOut = (await isGoodInMemory(id, facts, store)) || (await ports.dropFromMemory(id))
  if (!isOut) log.error({ blob: id }, 'a damaged blob is in memory and in use; evict its models when they are free')
  ports.onRemoved()
  return isOut
}

/** True also when it is not there. From the disk it is gone already, so what is read is memory. */
async function isGoodInMemory(id: BlobId, { cut }: BlobFacts, store: DamagePorts['store']): Promise<boolean> {
  const chunks: Chunk[] = []
  let atBytes = 0
  for (const sizeBytes of cut) {
    if (store.blob(id)?.isIn.memory !== true) return true
    const bytes = await store.read(id, atBytes, sizeBytes)
    if (bytes === null) return true
    chunks.push({ sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes })
    atBytes += sizeBytes
  }
  return blobIdOf({ chunks }) === id
}
