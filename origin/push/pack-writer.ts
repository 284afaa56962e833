/**
 * Collects new chunks in memory and uploads them in packs, a few at a time.
 *
 * A pack is named after its push and numbered: no name is ever used twice, so that what gc has decided to delete cannot
 * come back under its hands. Memory is bounded by (uploadsConcurrent + 1) packs, and these buffers are used over and over: what a
 * fast push would leave to the garbage collector is many times that.
 */
import type { Sha256 } from '../../common/index.ts'
import { packKey } from '../stores/object-key.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'

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

interface Piece {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

export class PackWriter {
  private readonly store: ObjectStore
  private readonly pushId: string
  private readonly options: PackOptions
  private readonly onStored: (pack: StoredPack) => Promise<void>
  private readonly signal: AbortSignal | undefined
  private readonly known = new Set<Sha256>()
  private pieces: Piece[] = []
  private buffer: Uint8Array | null = null
  private readonly spare: Uint8Array[] = []
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

  /** Copies `bytes`, which are the caller's again when this returns. Waits while too much is in flight. */
  async add(sha256: Sha256, bytes: Uint8Array): Promise<void> {
    if (this.known.has(sha256)) return
    if (this.piecesBytes + bytes.length > this.options.packBytesMax) await this.close()
    this.known.add(sha256)
    this.buffer ??= this.newBuffer(bytes.length)
    this.buffer.set(bytes, this.piecesBytes)
    this.pieces.push({ sha256, sizeBytes: bytes.length })
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
    const { pieces, buffer, piecesBytes } = this
    this.pieces = []
    this.buffer = null
    this.piecesBytes = 0
    if (buffer === null) return
    while (this.uploads.size >= this.options.uploadsConcurrent) await Promise.race(this.uploads)
    this.throwFailure()
    const upload = this.upload(pieces, buffer.subarray(0, piecesBytes))
      .then(() => this.takeBack(buffer))
      .catch((error) => {
        this.failure ??= { error }
      })
      .finally(() => this.uploads.delete(upload))
    this.uploads.add(upload)
  }

  private async upload(pieces: readonly Piece[], bytes: Uint8Array): Promise<void> {
    const name = String(this.count++).padStart(6, '0')
    const object = packKey(this.pushId, name)
    const options = this.signal ? { signal: this.signal } : {}
    await this.store.put(object, [bytes], options)
    const chunks = new Map<Sha256, Extent>()
    let offsetBytes = 0
    for (const { sha256, sizeBytes } of pieces) {
      chunks.set(sha256, { object, offsetBytes, sizeBytes })
      offsetBytes += sizeBytes
    }
    await this.onStored({ name, chunks })
  }

  private newBuffer(sizeBytes: number): Uint8Array {
    const { packBytesMax } = this.options
    // A chunk that is larger than a pack has a pack of its own.
    if (sizeBytes > packBytesMax) return Buffer.allocUnsafeSlow(sizeBytes)
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(packBytesMax)
  }

  /** Only after a success: a failed upload may still be sending. */
  private takeBack(buffer: Uint8Array): void {
    if (buffer.length === this.options.packBytesMax) this.spare.push(buffer)
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error
  }
}
