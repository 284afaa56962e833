/** Looks at the tags of one model. */
import type { ModelId } from '../../common/index.ts'
import type { Origin } from '../origin.ts'
import { manifestKey } from '../stores/object-key.ts'
import type { ObjectStore, StoreAbortOptions } from '../stores/object-store.ts'
import type { ModelName } from '../types.ts'
import { nameOfRefKey, refKey } from './ref.ts'

/** Every tag of the model, sorted; the tag of `model` itself does not count. */
export async function listTagsOf(
  origin: Origin,
  model: Pick<ModelName, 'namespace' | 'name'>,
  options: StoreAbortOptions = {},
): Promise<ModelName[]> {
  const names = await Array.fromAsync(listNames(origin, options, `${model.namespace}/${model.name}/`))
  return names.sort((a, b) => (a.tag < b.tag ? -1 : 1))
}

/** Names of tags by one listing, without a look at what they mean; all of the origin, or those whose name begins so. */
export async function* listNames(
  origin: Origin,
  options: StoreAbortOptions = {},
  prefix = '',
): AsyncGenerator<ModelName> {
  for await (const { key } of origin.store.list(`refs/${prefix}`, options)) {
    const name = nameOfRefKey(key)
    if (name) yield name
  }
}

/** When a tag moved last, by the clock of the store; null when there is none. */
export async function refMovedMs(
  store: ObjectStore,
  name: ModelName,
  options: StoreAbortOptions = {},
): Promise<number | null> {
  const head = await store.head(refKey(name), options)
  return head && Math.floor(head.modifiedMs)
}

/** Whether the manifest is in the store; its bytes may be gone all the same. */
export async function hasManifest(
  store: ObjectStore,
  digest: ModelId,
  options: StoreAbortOptions = {},
): Promise<boolean> {
  return (await store.head(manifestKey(digest), options)) !== null
}
