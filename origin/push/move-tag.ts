/**
 * A tag is moved to a model that the origin has already: a push without bytes. Like a push it announces itself to gc, and it finds
 * the chunks by the index and not by the old locations: what gc has decided to delete is not in the index any more.
 */
import type { KeyObject } from 'node:crypto'
import { HoldfastError, isHoldfastError, type ModelId, type Sha256 } from '../../common/index.ts'
import { encodeManifest } from '../manifest/manifest.ts'
import type { Origin } from '../origin.ts'
import { formatDigest } from '../refs/model-name.ts'
import { publish } from '../refs/publish.ts'
import { RefMove } from '../refs/ref-move.ts'
import { packFolder } from '../stores/object-key.ts'
import type { StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent, Manifest, ManifestFile, ModelName, Ref } from '../types.ts'
import { ChunkIndex } from './chunk-index.ts'
import { PushMarker } from './push-marker.ts'

export interface MoveTagOptions extends StoreAbortOptions {
  readonly origin: Origin
  readonly name: ModelName
  readonly manifest: ModelId
  /** As for push. */
  readonly publisherKey?: KeyObject
}

export interface MoveTagResult {
  readonly ref: Ref
  /** False when the tag meant this model already. */
  readonly moved: boolean
}

/** ORIGIN_NOT_FOUND when bytes of the model are gone, and then the tag stays; REF_CONFLICT, PUSH_EXPIRED, and what the origin's store throws. */
export async function moveTag(options: MoveTagOptions): Promise<MoveTagResult> {
  const { origin, name, manifest, publisherKey } = options
  const { store } = origin
  const abort = options.signal ? { signal: options.signal } : {}
  const refMove = await RefMove.begin(store, name, abort)
  const marker = await PushMarker.begin(store, abort)
  try {
    const content = await readManifest(origin, manifest, abort)
    const encoded = { manifest: content, bytes: encodeManifest(content), digest: manifest }
    const places = await findPlaces(origin, manifest, content, abort)
    return await publish({ store, encoded, places, refMove, marker, publisherKey }, abort)
  } finally {
    await marker.end()
  }
}

async function readManifest(origin: Origin, digest: ModelId, abort: StoreAbortOptions): Promise<Manifest> {
  try {
    return await origin.readManifest(digest, abort)
  } catch (error) {
    throw isHoldfastError(error, 'ORIGIN_NOT_FOUND') ? gone(origin, digest, 'its manifest') : error
  }
}

async function findPlaces(
  origin: Origin,
  digest: ModelId,
  manifest: Manifest,
  abort: StoreAbortOptions,
): Promise<Map<Sha256, readonly Extent[]>> {
  const index = new ChunkIndex(origin.store)
  const adopted = await adoptedPlaces(origin, digest, abort)
  const places = new Map<Sha256, readonly Extent[]>()
  for (const file of manifest.files) {
    if (places.has(file.sha256)) continue
    const extents = adopted.get(file.sha256) ?? (await indexedPlaces(index, file, abort))
    if (extents === null) throw gone(origin, digest, file.path)
    places.set(file.sha256, extents)
  }
  return places
}

async function indexedPlaces(
  index: ChunkIndex,
  file: ManifestFile,
  abort: StoreAbortOptions,
): Promise<Extent[] | null> {
  const extents: Extent[] = []
  for (const { sha256, sizeBytes } of file.chunks) {
    const extent = await index.find(sha256, sizeBytes, abort)
    if (extent === null) return null
    extents.push(extent)
  }
  return extents
}

/** Files of the model that lie outside of the packs and are there: they are their owner's, and not in the index. */
async function adoptedPlaces(
  origin: Origin,
  digest: ModelId,
  abort: StoreAbortOptions,
): Promise<Map<Sha256, readonly Extent[]>> {
  const places = new Map<Sha256, readonly Extent[]>()
  const locations = await origin.readLocations(digest, abort).catch((error) => {
    if (isHoldfastError(error, 'ORIGIN_NOT_FOUND')) return null
    throw error
  })
  for (const { sha256, extents } of locations?.files ?? []) {
    const isAdopted = extents.length > 0 && extents.every(({ object }) => !object.startsWith(packFolder))
    if (isAdopted && (await isThere(origin, extents, abort))) places.set(sha256, extents)
  }
  return places
}

async function isThere(origin: Origin, extents: readonly Extent[], abort: StoreAbortOptions): Promise<boolean> {
  for (const { object, base, offsetBytes, sizeBytes } of extents) {
    const reader = base === undefined ? origin.store : origin.store.bucket
    const head = await reader?.head(object, abort)
    if ((head?.sizeBytes ?? 0) < offsetBytes + sizeBytes) return false
  }
  return true
}

function gone(origin: Origin, digest: ModelId, what: string): HoldfastError {
  return new HoldfastError(
    'ORIGIN_NOT_FOUND',
    `The origin ${origin.url} has no longer all of ${formatDigest(digest)}: ${what} is gone, since gc freed it. Push the model again.`,
    { details: { model: digest } },
  )
}
