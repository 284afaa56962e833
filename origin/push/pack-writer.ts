/**
 * Collects new chunks in memory and uploads them in packs, a few at a time.
 *
 * A pack is named after its push and numbered: no name is ever used twice, so that what gc has decided to delete cannot
 * come back under its hands. Memory is bounded by (uploadsConcurrent + 1) packs, at most twice as much where chunks are of half a buffer.
 * A large chunk goes out of the buffer that it was read into; smaller ones are copied together.
 */
import type { Sha256 } from '../../common/index.ts'
import type { SpareBuffers } from '../bytes/spare-buffers.ts'
import { packKey } from '../stores/object-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'
import { Pack } from './pack.ts'

export interface PackOptions {
  /**
   * A pack is closed before it grows beyond this. Large enough that 10^5 small files are a few objects, and that S3 requests are
   * few; small enough that a killed push loses little, since it is also the unit of resume.
   */
  readonly packBytesMax: number
  /** One to upload while the next is filled; more hide the latency of a remote store, at a pack of memory each. */
  readonly uploadsConcurrent: number
}

export const defaultPackOptions: PackOptions = { packBytesMax: 16 * 1024 * 1024, uploadsConcurrent: 3 }

export interface StoredPack {
  /** Its number. */
  readonly name: string
  readonly chunks: ReadonlyMap<Sha256, Extent>
}

export class PackWriter {
  private readonly store: ObjectStore
  private readonly pushId: string
  private readonly options: PackOptions
  private readonly onStored: (pack: StoredPack) => Promise<void>
  private readonly signal: AbortSignal | undefined
  private readonly buffers: SpareBuffers
  private readonly known = new Set<Sha256>()
  private pack = new Pack()
  private readonly uploads = new Set<Promise<void>>()
  private failure: { error: unknown } | null = null
  private count = 0

  /** `onStored` is called for every pack once it lies in the store; the pack's upload ends with it. */
  constructor(
    store: ObjectStore,
    pushId: string,
    onStored: (pack: StoredPack) => Promise<void>,
    buffers: SpareBuffers,
    options: PackOptions = defaultPackOptions,
    signal?: AbortSignal,
  ) {
    this.store = store
    this.pushId = pushId
    this.onStored = onStored
    this.buffers = buffers
    this.options = options
    this.signal = signal
  }

  /** True when the chunk was added before; it is stored once. */
  has(sha256: Sha256): boolean {
    return this.known.has(sha256)
  }

  /** Takes over `bytes`, which are of the buffers. Waits while too much is in flight. */
  async add(sha256: Sha256, bytes: Uint8Array): Promise<void> {
    if (this.known.has(sha256)) return this.buffers.giveBack(bytes)
    if (this.pack.sizeBytes + bytes.length > this.options.packBytesMax) await this.close()
    this.known.add(sha256)
    this.pack.add(sha256, bytes, this.buffers)
  }

  /** Uploads what is left and waits until everything lies in the store. Throws what an upload threw. */
  async flush(): Promise<void> {
    await this.close()
    await Promise.all(this.uploads)
    this.throwFailure()
  }

  /** Waits for running uploads without throwing; for the way out of a push that has failed. */
  async settle(): Promise<void> {
    await Promise.all(this.uploads)
  }

  private async close(): Promise<void> {
    const { pack } = this
    this.pack = new Pack()
    if (pack.sizeBytes === 0) return
    while (this.uploads.size >= this.options.uploadsConcurrent) await Promise.race(this.uploads)
    this.throwFailure()
    const upload = this.upload(pack)
      // Only after a success: a failed upload may still be sending.
      .then(() => pack.giveBack(this.buffers))
      .catch((error) => {
        this.failure ??= { error }
      })
      .finally(() => this.uploads.delete(upload))
    this.uploads.add(upload)
  }

  private async upload(pack: Pack): Promise<void> {
    const name = String(this.count++).padStart(6, '0')
    const object = packKey(this.pushId, name)
    const options = this.signal ? { signal: this.signal } : {}
    await this.store.put(object, pack.bytes(), options)
    const chunks = new Map<Sha256, Extent>()
    let offsetBytes = 0
    for (const { sha256, sizeBytes } of pack.pieces) {
      chunks.set(sha256, { object, offsetBytes, sizeBytes })
      offsetBytes += sizeBytes
    }
    await this.onStored({ name, chunks })
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error
  }
}
