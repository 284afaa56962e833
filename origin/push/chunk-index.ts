/**
 * What the origin already has, by chunk, as one push sees it: answers "where does this chunk lie?" without reading manifests.
 *
 * The index is a hint that is checked, derived from what lies in the store. An entry counts only while its object is there and
 * long enough (one head per object and push), and a shard that cannot be read counts as empty: the price of a wrong index
 * is a repeated upload, never a wrong model. Shards change by compare-and-swap with a fresh read, so that pushes that run
 * at the same time keep each other's entries.
 */

import { HoldfastError, type Sha256 } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import { chunkShardKey } from '../stores/object-key.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'
import { type ChunkShard, chunkShardBytesMax, encodeChunkShard, parseChunkShard } from './chunk-index-shard.ts'

export interface ChunkIndexOptions {
  /** Tries to write one shard. Each failure means that another push has written it, so the pushes get ahead together. */
  readonly swapAttemptsMax: number
  /** Shards written at one time. */
  readonly swapsConcurrent: number
}

export const defaultChunkIndexOptions: ChunkIndexOptions = { swapAttemptsMax: 100, swapsConcurrent: 16 }

export class ChunkIndex {
  private readonly store: ObjectStore
  private readonly options: ChunkIndexOptions
  private readonly shards = new Map<string, Promise<ChunkShard>>()
  private readonly objectSizes = new Map<string, Promise<number>>()
  private readonly pending = new Map<Sha256, Extent>()
  private hints: ReadonlyMap<Sha256, Extent> = new Map()

  constructor(store: ObjectStore, options: ChunkIndexOptions = defaultChunkIndexOptions) {
    this.store = store
    this.options = options
  }

  /** Where the chunk lies, or null when it has to be uploaded. */
  async find(sha256: Sha256, sizeBytes: number, options: StoreAbortOptions = {}): Promise<Extent | null> {
    const indexed = (await this.shard(sha256.slice(0, 2), options)).get(sha256)
    if (await this.holds(indexed, sizeBytes, options)) return indexed!
    const hinted = this.hints.get(sha256)
    if (!(await this.holds(hinted, sizeBytes, options))) return null
    this.add(sha256, hinted!)
    return hinted!
  }

  /** find() will be called: its request is under way then. */
  expect(sha256: Sha256, options: StoreAbortOptions = {}): void {
    this.shard(sha256.slice(0, 2), options).catch(() => {}) // find() tells.
  }

  /** Chunks that the index does not tell yet; those that find() answers with are told by the next commit. */
  hint(chunks: ReadonlyMap<Sha256, Extent>): void {
    this.hints = chunks
  }

  /** Notes a chunk that lies in the store now; commit() tells the others. */
  add(sha256: Sha256, extent: Extent): void {
    this.pending.set(sha256, extent)
  }

  /** Writes what was added since the last commit. */
  async commit(options: StoreAbortOptions = {}): Promise<void> {
    const byPrefix = Map.groupBy(this.pending, ([sha256]) => sha256.slice(0, 2))
    this.pending.clear()
    await mapLimited([...byPrefix], this.options.swapsConcurrent, ([prefix, entries]) =>
      this.commitShard(prefix, entries, options),
    )
  }

  private async commitShard(
    prefix: string,
    entries: readonly (readonly [Sha256, Extent])[],
    options: StoreAbortOptions,
  ) {
    const key = chunkShardKey(prefix)
    for (let attempt = 0; attempt < this.options.swapAttemptsMax; attempt++) {
      const current = await this.store.get(key, { ...options, sizeBytesMax: chunkShardBytesMax })
      const shard = current ? readableShard(current.bytes) : new Map()
      // Ours replace older ones: we uploaded these chunks because what the index said did not hold.
      for (const [sha256, extent] of entries) shard.set(sha256, extent)
      const condition = current ? { ifMatch: current.version } : { ifNoneMatch: '*' as const }
      if (await this.store.put(key, [encodeChunkShard(shard)], { ...options, ...condition })) return
    }
    throw new HoldfastError(
      'ORIGIN_UNAVAILABLE',
      `${key} in ${this.store.url} was changed by others ${this.options.swapAttemptsMax} times in a row. Push again.`,
    )
  }

  private shard(prefix: string, options: StoreAbortOptions): Promise<ChunkShard> {
    let shard = this.shards.get(prefix)
    if (!shard) {
      shard = this.loadShard(prefix, options)
      this.shards.set(prefix, shard)
    }
    return shard
  }

  private async loadShard(prefix: string, options: StoreAbortOptions): Promise<ChunkShard> {
    const found = await this.store.get(chunkShardKey(prefix), { ...options, sizeBytesMax: chunkShardBytesMax })
    return found ? readableShard(found.bytes) : new Map()
  }

  private async holds(extent: Extent | undefined, sizeBytes: number, options: StoreAbortOptions): Promise<boolean> {
    if (!extent || extent.sizeBytes !== sizeBytes) return false
    return extent.offsetBytes + extent.sizeBytes <= (await this.objectSize(extent.object, options))
  }

  private objectSize(object: string, options: StoreAbortOptions): Promise<number> {
    let size = this.objectSizes.get(object)
    if (!size) {
      size = this.store.head(object, options).then((head) => head?.sizeBytes ?? 0)
      this.objectSizes.set(object, size)
    }
    return size
  }
}

function readableShard(bytes: Uint8Array): ChunkShard {
  try {
    return parseChunkShard(bytes)
  } catch (error) {
    // Derived data: nothing is known of these chunks, they are uploaded again and the shard is written anew.
    if (error instanceof HoldfastError && error.code === 'BAD_MANIFEST') return new Map()
    throw error
  }
}
