/**
 * What the refs of an origin reach: manifests, and the bytes of objects that their locations name. A ref or record that
 * cannot be read stops gc, since nobody knows what it means; a record that is not there protects nothing. So do the records of
 * earlier revisions that cannot be read: a tag cannot go back to them anyway.
 */

import { HoldfastError, isHoldfastError, type ModelId } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import type { Origin } from '../origin.ts'
import { formatModelName } from '../refs/model-name.ts'
import { earlierManifests, historyFolder, historyKey, readHistory } from '../refs/ref-history.ts'
import type { StoreAbortOptions } from '../stores/object-store.ts'
import type { Locations, ModelName, Ref } from '../types.ts'
import type { UsedRange } from './byte-ranges.ts'

export interface Marked {
  /** Every manifest that a ref names, with the names; none for what only the history of a tag names. */
  readonly models: ReadonlyMap<ModelId, readonly string[]>
  readonly rangesByObject: ReadonlyMap<string, readonly UsedRange[]>
  /** Which models have bytes in an object: their records change when it is rewritten. */
  readonly modelsByObject: ReadonlyMap<string, ReadonlySet<ModelId>>
  /** Names of models whose records are not there. */
  readonly incomplete: readonly string[]
}

export async function mark(
  origin: Origin,
  options: StoreAbortOptions & { readonly recordsConcurrent: number; readonly keepRevisions: number },
): Promise<Marked> {
  const abort = options.signal ? { signal: options.signal } : {}
  const models = await readModels(origin, options)
  const rangesByObject = new Map<string, UsedRange[]>()
  const modelsByObject = new Map<string, Set<ModelId>>()
  const incomplete: string[] = []
  await mapLimited(models, options.recordsConcurrent, async ([digest, names]) => {
    const locations = await readLocations(origin, digest, names, abort)
    if (!locations) return void incomplete.push(...names)
    for (const { extents } of locations.files) {
      for (const { object, base, offsetBytes, sizeBytes } of extents) {
        if (base !== undefined) continue
        const range = { startBytes: offsetBytes, endBytes: offsetBytes + sizeBytes }
        addTo(rangesByObject, object, () => []).push(range)
        addTo(modelsByObject, object, () => new Set()).add(digest)
      }
    }
  })
  return { models, rangesByObject, modelsByObject, incomplete: incomplete.sort() }
}

async function readModels(
  origin: Origin,
  options: StoreAbortOptions & { readonly recordsConcurrent: number; readonly keepRevisions: number },
): Promise<Map<ModelId, string[]>> {
  const abort = options.signal ? { signal: options.signal } : {}
  const models = new Map<ModelId, string[]>()
  const listed: { readonly name: ModelName; readonly ref: Ref }[] = []
  for await (const { name, ref } of origin.listModels(abort)) {
    const text = formatModelName(name)
    if (!ref) throw unreadable(text, 'its ref', undefined)
    addTo(models, ref.manifest, () => []).push(text)
    listed.push({ name, ref })
  }
  if (options.keepRevisions === 0) return models
  // After the refs: a tag that moves meanwhile notes its old ref before the new one stands, so that one of the two looks sees it.
  const histories = new Set<string>()
  for await (const { key } of origin.store.list(historyFolder, abort)) histories.add(key)
  const withHistory = listed.filter(({ name }) => histories.has(historyKey(name)))
  await mapLimited(withHistory, options.recordsConcurrent, async ({ name, ref }) => {
    const history = await readHistory(origin.store, name, ref, abort)
    for (const manifest of earlierManifests(ref, history, options.keepRevisions)) addTo(models, manifest, () => [])
  })
  return models
}

async function readLocations(
  origin: Origin,
  digest: ModelId,
  names: readonly string[],
  abort: StoreAbortOptions,
): Promise<Locations | null> {
  try {
    return await origin.readLocations(digest, abort)
  } catch (error) {
    if (isHoldfastError(error, 'ORIGIN_NOT_FOUND')) return null
    if (isHoldfastError(error, 'BAD_MANIFEST') && names.length === 0) return null
    if (isHoldfastError(error, 'BAD_MANIFEST')) throw unreadable(names.join(', '), 'its locations record', error)
    throw error
  }
}

function unreadable(model: string, what: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'BAD_REF',
    `The gc deletes nothing: ${what} of ${model} cannot be read, so nobody knows what it needs. Push it again or remove it with holdfast rm.`,
    { details: { model }, cause },
  )
}

function addTo<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
