/**
 * After a start: which models of former runs are still here, by the manifests that the state store kept. Blobs on disk that no
 * model accounts for (a conversion that a crash cut off from its record) are dropped: nobody could ever ask for them or evict them.
 */
import type { ModelId } from '../../common/index.ts'
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
    const ids = [...manifest.files.map(blobIdOf), ...(derived === null ? [] : [derived.id])]
    if (ids.some((id) => store.blob(id) !== null)) rows.push(table.add(specOf(model, manifest), derived))
  }
  await dropOrphans(store, table, left)
  return { rows, takenOver: count }
}

async function dropOrphans(store: Store, table: ModelTable, left: ReadonlySet<string>): Promise<void> {
  const known = new Set([...table.all()].flatMap((row) => table.blobsOf(row)).map(({ id }) => id))
  for (const { id } of store.blobs()) if (!known.has(id) && !left.has(id)) await store.dropDisk(id)
}
