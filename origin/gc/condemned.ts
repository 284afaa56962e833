/**
 * Packs that no model needs and that no push can find any more, but that a push which runs since may have found before. Each
 * waits for exactly those pushes.
 */
import { HoldfastError } from '../../common/index.ts'
import { pathProblem } from '../files/file-path.ts'
import { canonicalBytes } from '../manifest/canonical-json.ts'
import { HostileJson } from '../manifest/hostile-json.ts'
import { packFolder } from '../stores/object-key.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'

export const condemnedKey = 'gc/condemned.json'
const schema = 'holdfast.condemned.v1'
const bytesMax = 64 * 1024 * 1024
const json = new HostileJson('BAD_MANIFEST', 'list of condemned packs')

/** Ids of the pushes to wait for, by the pack's key. */
export type Condemned = ReadonlyMap<string, readonly string[]>

export async function readCondemned(store: ObjectStore, options: StoreAbortOptions): Promise<Condemned> {
  const found = await store.get(condemnedKey, { ...options, sizeBytesMax: bytesMax })
  if (!found) return new Map()
  try {
    const { object } = json.parse(found.bytes, bytesMax)
    json.schema(object, schema)
    const entries = Object.entries(json.object(object.packs, 'packs')).map(([key, ids]) => {
      if (pathProblem(key) !== null || !key.startsWith(packFolder))
        throw json.fail('packs', 'has a key that is no pack')
      return [key, json.array(ids, 'packs', 1e6).map((id) => json.string(id, 'packs', 64))] as const
    })
    return new Map(entries)
  } catch (error) {
    // Forgotten means condemned anew, and so a longer wait.
    if (error instanceof HoldfastError && error.code === 'BAD_MANIFEST') return new Map()
    throw error
  }
}

export async function writeCondemned(store: ObjectStore, condemned: Condemned, options: StoreAbortOptions) {
  if (condemned.size === 0) await store.delete(condemnedKey, options)
  else await store.put(condemnedKey, [canonicalBytes({ schema, packs: Object.fromEntries(condemned) })], options)
}
