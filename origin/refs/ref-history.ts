/**
 * What a tag meant before: its last refs as they were signed, oldest first, in one bounded record beside the ref. A move writes the
 * old ref here before the new one stands, so that at every moment the ref or its history names what one can go back to.
 *
 * A history is a convenience: one that cannot be read counts as empty, and never stops a push or a gc.
 */
import { HoldfastError, isHoldfastError, type ModelId } from '../../common/index.ts'
import { canonicalBytes } from '../manifest/canonical-json.ts'
import { HostileJson } from '../manifest/hostile-json.ts'
import type { ObjectStore, ObjectVersion, StoreAbortOptions } from '../stores/object-store.ts'
import type { ModelName, Ref } from '../types.ts'
import { formatModelName } from './model-name.ts'
import { encodeRef, parseRef, refBytesMax } from './ref.ts'

/** An earlier meaning of a tag. */
export interface Revision {
  readonly ref: Ref
  /** When the tag came to mean it, by the clock of the store. */
  readonly movedMs: number
}

/** Moves that a tag remembers; older ones are dropped. */
export const revisionsMax = 32

const schema = 'holdfast.history.v1'
const historyBytesMax = revisionsMax * (refBytesMax + 64) + 1024
const swapAttemptsMax = 10
const json = new HostileJson('BAD_REF', 'history of a tag')

export const historyFolder = 'history/'

export function historyKey(name: ModelName): string {
  return `${historyFolder}${name.namespace}/${name.name}/${name.tag}`
}

/** Oldest first; those that are not older than `current` are left out: a move that failed may have noted them. */
export async function readHistory(
  store: ObjectStore,
  name: ModelName,
  current: Ref,
  options: StoreAbortOptions = {},
): Promise<Revision[]> {
  const { revisions } = await load(store, name, options)
  return revisions.filter(({ ref }) => ref.sequence < current.sequence)
}

/** The manifests of the latest `count` revisions that differ from the current one and from each other, latest first. */
export function earlierManifests(current: Ref, history: readonly Revision[], count: number): ModelId[] {
  const manifests = new Set(history.toReversed().map(({ ref }) => ref.manifest))
  manifests.delete(current.manifest)
  return [...manifests].slice(0, count)
}

/** Notes what the tag means now, before it moves on. */
export async function rememberRef(
  store: ObjectStore,
  name: ModelName,
  revision: Revision,
  options: StoreAbortOptions,
): Promise<void> {
  for (let attempt = 0; attempt < swapAttemptsMax; attempt++) {
    const { revisions, version } = await load(store, name, options)
    if (revisions.some(({ ref }) => ref.sequence >= revision.ref.sequence)) return
    const bytes = encode([...revisions, revision].slice(-revisionsMax))
    const condition = version === null ? { ifNoneMatch: '*' as const } : { ifMatch: version }
    if (await store.put(historyKey(name), [bytes], { ...options, ...condition })) return
  }
  const model = formatModelName(name)
  throw new HoldfastError('REF_CONFLICT', `Others move ${model} all the time. Move it again when they are done.`, {
    details: { model },
  })
}

async function load(
  store: ObjectStore,
  name: ModelName,
  options: StoreAbortOptions,
): Promise<{ revisions: readonly Revision[]; version: ObjectVersion | null }> {
  // More than any history has, so that one that somebody has blown up can be replaced.
  const found = await store.get(historyKey(name), { ...options, sizeBytesMax: historyBytesMax * 16 })
  if (!found) return { revisions: [], version: null }
  try {
    return { revisions: parse(found.bytes, name), version: found.version }
  } catch (error) {
    if (!isHoldfastError(error, 'BAD_REF')) throw error
    return { revisions: [], version: found.version }
  }
}

function encode(revisions: readonly Revision[]): Uint8Array {
  return canonicalBytes({ schema, revisions })
}

/** Fields that a later version adds are left out; every ref is checked as if it stood alone. */
function parse(bytes: Uint8Array, name: ModelName): Revision[] {
  const { object } = json.parse(bytes, historyBytesMax)
  json.schema(object, schema)
  return json.array(object.revisions, 'revisions', revisionsMax).map((item) => {
    const revision = json.object(item, 'revisions')
    const ref = parseRef(encodeRef(json.object(revision.ref, 'revisions.ref') as unknown as Ref), name)
    return { ref, movedMs: json.integer(revision.movedMs, 'revisions.movedMs', 0) }
  })
}
