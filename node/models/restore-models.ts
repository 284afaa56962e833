/**
 * After a start: which models of former runs are still here, by the manifests that the state store kept. Blobs on disk that no
 * model accounts for (a conversion that a crash cut off from its record) are dropped: nobody could ever ask for them or evict them.
 */
import type { BlobId, ModelId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf, type Manifest } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { Log } from '../system/index.ts'
import { derivedKey, parseDerived } from './derived-forms.ts'
import type { ModelDirectory } from './model-directory.ts'
import { type ModelRow, type ModelTable, specOf } from './model-table.ts'
import { takeOverFolder } from './take-over.ts'

export interface RestorePorts {
  readonly directory: ModelDirectory
  readonly state: StateStore
  readonly table: ModelTable
  readonly store: Store
  readonly log: Log
}

export interface RestoredModels {
  readonly rows: readonly ModelRow[]
  /** Files of an earlier version that were taken over: worth a look whether they are what their new names say. */
  readonly takenOver: number
}

export async function restoreModels({ directory, state, table, store, log }: RestorePorts): Promise<RestoredModels> {
  const known = new Map<ModelId, Manifest>()
  for await (const model of directory.knownDigests()) {
    const manifest = await directory.knownManifest(model)
    if (manifest !== null) known.set(model, manifest)
  }
  const { count, left } = await takeOverFolder({ store, state, log }, known)
  const rows: ModelRow[] = []
  for (const [model, manifest] of known) {
    const derived = parseDerived(await state.get(derivedKey(model)))
    const sizes = [
      ...manifest.files.map((file) => ({ id: blobIdOf(file), sizeBytes: file.sizeBytes })),
      ...(derived === null ? [] : [derived]),
    ]
    await giveUpMisfits(sizes, { store, log })
    if (sizes.some(({ id }) => store.blob(id) !== null)) rows.push(table.add(specOf(model, manifest), derived))
  }
  await dropOrphans(store, table, left)
  return { rows, takenOver: count }
}

/** A crash of the machine, a full disk or a hand may have cut files while the node was down. */
async function giveUpMisfits(
  blobs: readonly { readonly id: BlobId; readonly sizeBytes: number }[],
  { store, log }: Pick<RestorePorts, 'store' | 'log'>,
): Promise<void> {
  for (const { id, sizeBytes } of blobs) {
    const held = store.blob(id)
    if (held === null || held.sizeBytes === sizeBytes) continue
    log.warn(
      { blob: id, sizeBytes, actualBytes: held.sizeBytes },
      'a file on disk has another size than its blob; it goes',
    )
    await store.giveUpOnDisk(id)
  }
}

async function dropOrphans(store: Store, table: ModelTable, left: ReadonlySet<string>): Promise<void> {
  const known = new Set([...table.all()].flatMap((row) => table.blobsOf(row)).map(({ id }) => id))
  for (const { id } of store.blobs()) if (!known.has(id) && !left.has(id)) await store.dropDisk(id)
}
