/**
 * The last steps of a push and of an adoption, in the order that never shows a reader something incomplete: locations,
 * manifest, and then the ref, by compare-and-swap.
 */
import type { KeyObject } from 'node:crypto'
import type { Sha256 } from '../../common/index.ts'
import { buildLocations } from '../manifest/locations.ts'
import type { EncodedManifest } from '../manifest/manifest.ts'
import type { PushMarker } from '../push/push-marker.ts'
import { locationsKey, manifestKey } from '../stores/object-key.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent, Ref } from '../types.ts'
import { loadPublisherKey } from './publisher-key.ts'
import type { RefMove } from './ref-move.ts'

export interface Publication {
  readonly store: ObjectStore
  readonly encoded: EncodedManifest
  readonly places: ReadonlyMap<Sha256, readonly Extent[]>
  readonly refMove: RefMove
  readonly marker: PushMarker
  readonly publisherKey: KeyObject | undefined
}

export async function publish(
  { store, encoded, places, refMove, marker, publisherKey }: Publication,
  options: StoreAbortOptions,
): Promise<{ ref: Ref; moved: boolean }> {
  const records = [
    // Always written: the record of an earlier push may name objects that are gone. Its content is as good as any other.
    { key: locationsKey(encoded.digest), bytes: buildLocations(places) },
    { key: manifestKey(encoded.digest), bytes: encoded.bytes },
  ]
  for (const { key, bytes } of records) await store.put(key, [bytes], options)
  await marker.check(options)
  const result = await refMove.finish(encoded.digest, async () => publisherKey ?? (await loadPublisherKey()), options)
  // A gc that saw these names unreachable before this push began may have deleted them right after they were written anew.
  for (const { key, bytes } of records) if (!(await store.head(key, options))) await store.put(key, [bytes], options)
  await marker.check(options)
  return result
}
