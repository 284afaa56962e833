/**
 * Takes over the disk of a node of before the blob id, which named a blob by the sha256 of its file: the files get their ids as names, and
 * nothing is fetched again. Names of both kinds may lie side by side, as after a crash in the middle or when an earlier version ran in
 * between; what is done already is passed over.
 *
 * The names that a manifest gives are not believed where they could be a lie. A name that is the id of a known blob is no former name, since
 * no file has such a sha256 but by what a manifest claims. Where manifests state one sha256 for different chunk lists, the file is hashed,
 * and only the list that it has counts. The rest was hashed as a whole when it came, and is hashed once more soon (Scrubber).
 */
import { type BlobId, isHoldfastError, type ModelId, type Sha256, toBlobId } from '../../common/index.ts'
import type { BlobMove, Store } from '../../native/index.ts'
import { blobIdOf, type Manifest, type ManifestFile } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Log } from '../system/index.ts'
import { cutOf, formCut } from './blob-files.ts'
import { derivedKey, parseDerived, parseFormerDerived } from './derived-forms.ts'

export interface TakeOverPorts {
  readonly store: Pick<Store, 'blob' | 'digestDisk' | 'takeOver'>
  readonly state: StateStore
  readonly log: Log
}

export interface TakenOver {
  /** Blobs and partial files that have their ids as names now. */
  readonly count: number
  /** Names that could not be changed: their files are to stay for the next start. */
  readonly left: ReadonlySet<string>
}

/** @param known every manifest that this node has kept. */
export async function takeOverFolder(ports: TakeOverPorts, known: ReadonlyMap<ModelId, Manifest>): Promise<TakenOver> {
  const files = new Map<Sha256, Map<BlobId, ManifestFile>>()
  for (const file of [...known.values()].flatMap((manifest) => manifest.files)) {
    const same = files.get(file.sha256)
    if (same === undefined) files.set(file.sha256, new Map([[blobIdOf(file), file]]))
    else same.set(blobIdOf(file), file)
  }
  const ids = new Set<string>([...files.values()].flatMap((same) => [...same.keys()]))
  const moves: BlobMove[] = []
  try {
    for (const model of known.keys()) moves.push(...(await moveOfForm(ports, model, ids)))
    for (const [sha256, same] of files) {
      const id = ids.has(sha256) ? null : await idOf(ports, sha256, same)
      if (id !== null) moves.push({ from: sha256, to: id })
    }
    const count = await ports.store.takeOver(moves)
    if (count > 0) ports.log.info({ count }, 'the disk of an earlier version was taken over')
    return { count, left: new Set() }
  } catch (error) {
    if (!isHoldfastError(error, 'DISK_FULL') && !isHoldfastError(error, 'DISK_FAILED')) throw error
    ports.log.error(
      { error: error.message },
      'the disk of an earlier version was not taken over; the next start tries again',
    )
    return { count: 0, left: new Set([...files.keys(), ...moves.map(({ from }) => from)]) }
  }
}

/** The blob that the file of this name is; null when it is none of those that manifests state for the name. */
async function idOf(
  { store }: TakeOverPorts,
  sha256: Sha256,
  same: ReadonlyMap<BlobId, ManifestFile>,
): Promise<BlobId | null> {
  const held = store.blob(toBlobId(sha256))
  // At most a partial file: each chunk of it is hashed before it counts.
  if (held === null) return [...same.keys()][0]!
  const fitting = [...same].filter(([, { sizeBytes }]) => sizeBytes === held.sizeBytes)
  if (fitting.length === 1 && same.size === 1) return fitting[0]![0]
  for (const [id, file] of fitting) if ((await store.digestDisk(sha256, cutOf(file)))?.id === id) return id
  return null
}

/** No manifest has the chunks of a form, so it is hashed. The record comes first: after a crash it says what the file with either name is. */
async function moveOfForm({ store, state }: TakeOverPorts, model: ModelId, ids: Set<string>): Promise<BlobMove[]> {
  const record = await state.get(derivedKey(model))
  const form = parseDerived(record)
  if (form !== null) ids.add(form.id)
  const former = parseFormerDerived(record)
  if (former === null) return []
  if (form !== null) return [{ from: former.sha256, to: form.id }]
  const digests = await store.digestDisk(former.sha256, formCut(former.sizeBytes)).catch((error: unknown) => {
    // Its size is another: it is no form that this node made.
    if (isHoldfastError(error, 'BAD_REQUEST')) return null
    throw error
  })
  if (digests === null) return []
  const { sha256, ...rest } = former
  ids.add(digests.id)
  await state.put(derivedKey(model), { derived: { ...rest, id: digests.id, sha256 } })
  return [{ from: sha256, to: digests.id }]
}
