/**
 * Where the chunks are that peers ask for. What lies on the disk alone is hashed before it is sent for the first time in the life of this
 * process: a peer cannot tell a damaged disk from a lie, and would ask this node for nothing any more. What is in memory, or arrives, has
 * been hashed.
 */
import type { BlobId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { ChunkRequest, StoredChunk } from '../ports/index.ts'
import type { Log } from '../system/index.ts'
import type { ModelTable } from './model-table.ts'

export interface ServedChunksPorts {
  readonly table: Pick<ModelTable, 'placesToServe' | 'isChunkAt'>
  readonly store: Pick<Store, 'blob' | 'hashOnDisk' | 'giveUpOnDisk'>
  readonly onDamaged: () => void
  readonly log: Log
}

/** Blobs of which it is remembered what was hashed; of the oldest it is forgotten. */
const blobsMax = 4_096

export class ServedChunks {
  private readonly ports: ServedChunksPorts
  private readonly verifiesReads: boolean
  /** Offsets of chunks that were good. */
  private readonly verified = new Map<BlobId, Set<number>>()
  private readonly checking = new Map<string, Promise<boolean>>()

  constructor(ports: ServedChunksPorts, options: { readonly verifiesReads: boolean }) {
    this.ports = ports
    this.verifiesReads = options.verifiesReads
  }

  async placesOf(request: ChunkRequest): Promise<readonly StoredChunk[]> {
    const places = this.ports.table.placesToServe(request)
    if (!this.verifiesReads) return places
    const good: StoredChunk[] = []
    for (const place of places) if (await this.isGood(place, request)) good.push(place)
    return good
  }

  private async isGood({ blob, offsetBytes }: StoredChunk, { chunk, sizeBytes }: ChunkRequest): Promise<boolean> {
    const isIn = this.ports.store.blob(blob)?.isIn
    if (isIn?.disk !== true || isIn.memory || this.verified.get(blob)?.has(offsetBytes)) return true
    // A place that a peer names may be wrong: a mismatch there proves nothing against the disk.
    if (!this.ports.table.isChunkAt({ chunk, sizeBytes }, { blob, offsetBytes })) return true
    const key = `${blob} ${offsetBytes}`
    const running = this.checking.get(key) ?? this.check({ blob, offsetBytes }, chunk, sizeBytes)
    this.checking.set(key, running)
    try {
      return await running
    } finally {
      this.checking.delete(key)
    }
  }

  private async check({ blob, offsetBytes }: StoredChunk, chunk: string, sizeBytes: number): Promise<boolean> {
    const { store, log, onDamaged } = this.ports
    const sha256 = await store.hashOnDisk(blob, offsetBytes, sizeBytes, { keepsCached: true })
    if (sha256 === chunk) {
      this.remember(blob, offsetBytes)
      return true
    }
    // Null: it went meanwhile, or the disk does not let it be read, so that the store has given it up.
    if (sha256 === null) return false
    await store.giveUpOnDisk(blob)
    this.verified.delete(blob)
    onDamaged()
    log.warn({ blob, offsetBytes }, 'a damaged blob was removed from disk before a peer got it')
    return false
  }

  private remember(blob: BlobId, offsetBytes: number): void {
    const known = this.verified.get(blob)
    if (known !== undefined) known.add(offsetBytes)
    else this.verified.set(blob, new Set([offsetBytes]))
    if (this.verified.size > blobsMax) this.verified.delete(this.verified.keys().next().value!)
  }
}
