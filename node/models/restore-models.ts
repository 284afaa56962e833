/**
 * After a start: which models of former runs are still here, by the manifests that the state store kept. Blobs on disk that no
 * model accounts for (a conversion that a crash cut off from its record) are dropped: nobody could ever ask for them or evict them.
 */
import type { Store } from '../../native/index.ts'
import { blobIdOf } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import { derivedKey, parseDerived } from './derived-forms.ts'
import type { ModelDirectory } from './model-directory.ts'
import { type ModelRow, type ModelTable, specOf } from './model-table.ts'

export interface RestorePorts {
  readonly directory: ModelDirectory
  readonly state: StateStore
  readonly table: ModelTable
  readonly store: Store
}

export async function restoreModels({ directory, state, table, store }: RestorePorts): Promise<ModelRow[]> {
  const rows: ModelRow[] = []
  for await (const model of directory.knownDigests()) {
    const manifest = await directory.knownManifest(model)
    if (manifest === null) continue
    const derived = parseDerived(await state.get(derivedKey(model)))
    const ids = [...manifest.files.map(blobIdOf), ...(derived === null ? [] : [derived.id])]
    if (ids.some((id) => store.blob(id) !== null)) rows.push(table.add(specOf(model, manifest), derived))
  }
  await dropOrphans(store, table)
  return rows
}

async function dropOrphans(store: Store, table: ModelTable): Promise<void> {
  const known = new Set([...table.all()].flatMap((row) => table.blobsOf(row)).map(({ id }) => id))
  for (const { id } of store.blobs()) if (!known.has(id)) await store.dropDisk(id)
}
