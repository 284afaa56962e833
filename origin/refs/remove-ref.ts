/**
 * Removes a tag. Its last sequence stays behind, so that a tag of the same name that is pushed later goes on above it: nodes
 * remember what they have seen, and never go back. Its history goes with it, and the bytes stay until gc.
 */
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { Origin } from '../origin.ts'
import type { StoreAbortOptions } from '../stores/object-store.ts'
import type { ModelName, Ref } from '../types.ts'
import { formatModelName } from './model-name.ts'
import { parseRef, refBytesMax, refKey, removedKey, salvageSequence } from './ref.ts'
import { historyKey } from './ref-history.ts'

/** The ref that was there; null when it was malformed. UNKNOWN_MODEL when there is none. */
export async function removeRef(origin: Origin, name: ModelName, options: StoreAbortOptions = {}): Promise<Ref | null> {
  const { store } = origin
  const found = await store.get(refKey(name), { ...options, sizeBytesMax: refBytesMax * 16 })
  if (!found) {
    const model = formatModelName(name)
    throw new HoldfastError('UNKNOWN_MODEL', `The origin ${origin.url} has no model ${model}.`, { details: { model } })
  }
  const ref = readable(found.bytes, name)
  // One more than it had: a push that moves the tag at this instant is removed with it, and its sequence is not used twice.
  const sequence = (ref?.sequence ?? salvageSequence(found.bytes)) + 1
  await store.put(removedKey(name), [Buffer.from(`{"sequence":${sequence}}`)], options)
  await store.delete(historyKey(name), options)
  await store.delete(refKey(name), options)
  return ref
}

function readable(bytes: Uint8Array, name: ModelName): Ref | null {
  try {
    return parseRef(bytes, name)
  } catch (error) {
    if (isHoldfastError(error, 'BAD_REF')) return null
    throw error
  }
}
