/** The models that lie side by side in one folder, as a push of all of them takes them. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onFile } from './file-failure.ts'
import { isRepository, mainSnapshot, repositoryModel } from './hub-cache.ts'

export interface ModelFolder {
  readonly source: string
  /** `namespace/name`, which need not be a valid name yet. */
  readonly model: string
}

export interface ModelFolders {
  /** By their names. */
  readonly folders: readonly ModelFolder[]
  /** Names of plain files and of hidden entries. */
  readonly others: readonly string[]
}

/** `namespace`: of all folders but repositories of a hub cache that tell their own, when it is null. */
export async function findModelFolders(folder: string, namespace: string | null): Promise<ModelFolders> {
  const entries = await onFile(folder, 'read', () => readdir(folder, { withFileTypes: true }))
  const folders: ModelFolder[] = []
  const others: string[] = []
  for (const { name, ...entry } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(kindsOf)) {
    const source = join(folder, name)
    if (!entry.isFolder || name.startsWith('.')) others.push(name)
    else if (isRepository(source)) folders.push(await repositoryFolder(source, namespace))
    else folders.push({ source, model: `${namespace ?? ''}/${name}` })
  }
  return { folders, others }
}

const kindsOf = (entry: { name: string; isDirectory(): boolean; isSymbolicLink(): boolean }) => ({
  name: entry.name,
  // The push checks the target of a link.
  isFolder: entry.isDirectory() || entry.isSymbolicLink(),
})

async function repositoryFolder(source: string, namespace: string | null): Promise<ModelFolder> {
  const own = repositoryModel(source) ?? `/${source.slice(source.lastIndexOf('--') + 2)}`
  const model = namespace === null ? own : `${namespace}/${own.slice(own.indexOf('/') + 1)}`
  return { source: (await mainSnapshot(source)) ?? source, model }
}
