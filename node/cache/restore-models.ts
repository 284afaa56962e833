/** After a start: which models of former runs are still on disk, by the manifests that the state store kept. */
import type { StateStore } from '../ports.ts'
import type { ModelDirectory } from './model-directory.ts'
import type { DerivedBlob, ModelRow, ModelTable } from './model-table.ts'

export async function restoreModels(
  directory: ModelDirectory,
  state: StateStore,
  table: ModelTable,
): Promise<ModelRow[]> {
  const rows: ModelRow[] = []
  for await (const model of directory.knownDigests()) {
    const manifest = await directory.knownManifest(model)
    if (manifest === null) continue
    const record = (await state.get(`model/${model}`)) as { derived?: DerivedBlob | null } | null
    rows.push(table.add(model, manifest, record?.derived ?? null))
  }
  return rows
}
