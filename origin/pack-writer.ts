/**
 * Collects new chunks in memory and uploads them in packs, a few at a time.
 *
 * A pack is named after its push and numbered: no name is ever used twice, so that what gc has decided to delete cannot
 * come back under its hands. Memory is bounded by (uploadsConcurrent + 1) packs.
 */
import type { Sha256 } from '../placement/types.ts'
import { packKey } from './object-key.ts'
import type { ObjectStore } from './object-store.ts'
import type { Extent } from './types.ts'

export interface PackOptions {
  /**
   * A pack is closed before it grows beyond this. Large enough that 10^5 small files are a few objects, and that S3 requests are
   * few; small enough that a killed push loses little, since it is also the unit of resume.
   */
  readonly packBytesMax: number
  /** One to upload while the next is filled; more hide the latency of a remote store, at a pack of memory each. */
  readonly uploadsConcurrent: number
}

export const defaultPackOptions: PackOptions = { packBytesMax: 16 * 1024 * 1024, uploadsConcurrent: 2 }

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
  private readonly known = new Set<Sha256>()
  private pieces: { sha256: Sha256; bytes: Uint8Array }[] = []
  private piecesBytes = 0
  private readonly uploads = new Set<Promise<void>>()
  private failure: { error: unknown } | null = null
  private count = 0

  /** `onStored` is called for every pack once it lies in the store; the pack's upload ends with it. */
  constructor(
    store: ObjectStore,
    pushId: string,
    onStored: (pack: StoredPack) => Promise<void>,
    options: PackOptions = defaultPackOptions,
    signal?: AbortSignal,
  ) {
    this.store = store
    this.pushId = pushId
    this.onStored = onStored
    this.options = options
    this.signal = signal
  }

  /** True when the chunk was added before; it is stored once. */
  has(sha256: Sha256): boolean {
    return this.known.has(sha256)
  }

  /** Keeps `bytes` until they are uploaded: the caller must not reuse them. Waits while too much is in flight. */
  async add(sha256: Sha256, bytes: Uint8Array): Promise<void> {
    if (this.known.has(sha256)) return
    if (this.piecesBytes + bytes.length > this.options.packBytesMax) await this.close()
    this.known.add(sha256)
    this.pieces.push({ sha256, bytes })
    this.piecesBytes += bytes.length
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
    const pieces = this.pieces
    this.pieces = []
    this.piecesBytes = 0
    if (pieces.length === 0) return
    while (this.uploads.size >= this.options.uploadsConcurrent) await Promise.race(this.uploads)
    this.throwFailure()
    const upload = this.upload(pieces)
      .catch((error) => {
        this.failure ??= { error }
      })
      .finally(() => this.uploads.delete(upload))
    this.uploads.add(upload)
  }

  private async upload(pieces: readonly { sha256: Sha256; bytes: Uint8Array }[]): Promise<void> {
    const name = String(this.count++).padStart(6, '0')
    const object = packKey(this.pushId, name)
    const options = this.signal ? { signal: this.signal } : {}
    await this.store.put(
      object,
      pieces.map(({ bytes }) => bytes),
      options,
    )
    const chunks = new Map<Sha256, Extent>()
    let offsetBytes = 0
    for (const { sha256, bytes } of pieces) {
      chunks.set(sha256, { object, offsetBytes, sizeBytes: bytes.length })
      offsetBytes += bytes.length
    }
    await this.onStored({ name, chunks })
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error
  }
}
