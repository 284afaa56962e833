/** Takes packs out of what pushes look at: the shards of the chunk index, and the records of pushes. */
import { HoldfastError } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import { type ChunkShard, chunkShardBytesMax, encodeChunkShard, parseChunkShard } from '../push/chunk-index-shard.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent } from '../types.ts'

/** Where a chunk of a doomed pack lies from now on; null when it goes with the pack. */
export type Redirect = (extent: Extent) => Extent | null

export interface ScrubOptions extends StoreAbortOptions {
  readonly shardsConcurrent: number
  /** As for a push: each failure means that somebody else got ahead. */
  readonly swapAttemptsMax: number
}

/** The packs that were still found in some shard: somebody may have seen them there until now. */
export async function scrubIndex(
  store: ObjectStore,
  doomed: ReadonlySet<string>,
  redirect: Redirect,
  options: ScrubOptions,
): Promise<{ seen: Set<string>; entries: number }> {
  const seen = new Set<string>()
  let entries = 0
  if (doomed.size === 0) return { seen, entries }
  const abort = options.signal ? { signal: options.signal } : {}
  const keys: string[] = []
  for await (const { key } of store.list('chunks/', abort)) keys.push(key)
  await mapLimited(keys, options.shardsConcurrent, async (key) => {
    for (let attempt = 0; attempt < options.swapAttemptsMax; attempt++) {
      const current = await store.get(key, { ...abort, sizeBytesMax: chunkShardBytesMax })
      const shard = current && readable(current.bytes)
      if (!current || !shard) return
      const found = [...shard].filter(([, extent]) => doomed.has(extent.object))
      if (found.length === 0) return
      for (const [sha256, extent] of found) {
        seen.add(extent.object)
        const moved = redirect(extent)
        if (moved) shard.set(sha256, moved)
        else shard.delete(sha256)
      }
      if (await store.put(key, [encodeChunkShard(shard)], { ...abort, ifMatch: current.version })) {
        entries += found.length
        return
      }
    }
    throw new HoldfastError(
      'ORIGIN_UNAVAILABLE',
      `${key} in ${store.url} was changed by others ${options.swapAttemptsMax} times in a row. Run gc again.`,
    )
  })
  return { seen, entries }
}

/** Pushes take an unreadable shard for an empty one; so nothing in it needs to be taken out. */
function readable(bytes: Uint8Array): ChunkShard | null {
  try {
    return parseChunkShard(bytes)
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'BAD_MANIFEST') return null
    throw error
  }
}
