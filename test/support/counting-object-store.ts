/** Objects in memory, and what was asked of them: growth is told by counts, never by time. */
import { createHash } from 'node:crypto'
import { HoldfastError } from '../../common/index.ts'
import { systemClock } from '../../node/system/index.ts'
import type {
  ByteRange,
  GetOptions,
  ListedObject,
  ObjectContent,
  ObjectHead,
  ObjectStore,
  PutOptions,
  StoreAbortOptions,
} from '../../origin/index.ts'
import { checkKey } from '../../origin/stores/object-key.ts'

interface Stored {
  readonly bytes: Uint8Array
  readonly modifiedMs: number
}

export class CountingObjectStore implements ObjectStore {
  readonly url = 'memory://counting'
  readonly clock = systemClock
  readonly bucket = null
  private readonly objects: Map<string, Stored>
  /** Requests, and each object of a listing. */
  operations = 0

  /** With `twin`: another view of the same objects. */
  constructor(twin?: CountingObjectStore) {
    this.objects = twin?.objects ?? new Map()
  }

  /** Operations of some work. */
  async count(work: () => Promise<unknown>): Promise<number> {
    const before = this.operations
    await work()
    return this.operations - before
  }

  async get(key: string, options: GetOptions): Promise<ObjectContent | null> {
    const found = this.find(key, options)
    if (found === null) return null
    if (found.bytes.length > options.sizeBytesMax) throw new HoldfastError('REQUEST_TOO_LARGE', `${key} is too large.`)
    return { bytes: found.bytes, version: versionOf(found.bytes) }
  }

  async getRange(key: string, range: ByteRange, options: StoreAbortOptions = {}): Promise<Uint8Array | null> {
    const { offsetBytes, sizeBytes } = range
    return this.find(key, options)?.bytes.subarray(offsetBytes, offsetBytes + sizeBytes) ?? null
  }

  async head(key: string, options: StoreAbortOptions = {}): Promise<ObjectHead | null> {
    const found = this.find(key, options)
    return found && { sizeBytes: found.bytes.length, modifiedMs: found.modifiedMs }
  }

  async put(key: string, pieces: readonly Uint8Array[], options: PutOptions = {}): Promise<boolean> {
    const current = this.find(key, options)
    if (options.ifNoneMatch !== undefined && current !== null) return false
    if (options.ifMatch !== undefined && (current === null || versionOf(current.bytes) !== options.ifMatch))
      return false
    this.objects.set(key, { bytes: Buffer.concat(pieces), modifiedMs: this.clock.wallMs() })
    return true
  }

  async *list(prefix: string, options: StoreAbortOptions = {}): AsyncGenerator<ListedObject> {
    options.signal?.throwIfAborted()
    this.operations++
    for (const [key, { bytes, modifiedMs }] of [...this.objects]) {
      if (!key.startsWith(prefix)) continue
      this.operations++
      yield { key, sizeBytes: bytes.length, modifiedMs }
    }
  }

  async delete(key: string, options: StoreAbortOptions = {}): Promise<void> {
    this.find(key, options)
    this.objects.delete(key)
  }

  async sweep(): Promise<number> {
    this.operations++
    return 0
  }

  private find(key: string, options: StoreAbortOptions): Stored | null {
    checkKey(key)
    options.signal?.throwIfAborted()
    this.operations++
    return this.objects.get(key) ?? null
  }
}

const versionOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
