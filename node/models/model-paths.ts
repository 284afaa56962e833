/** Where programs of this machine that take a path find the files of a model: in exported memory, else in the disk tier. */
import { join } from 'node:path'
import { HoldfastError, type LocalTier, type ModelId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import { blobIdOf, type Manifest } from '../../origin/index.ts'

export interface ModelPaths {
  readonly model: ModelId
  readonly tier: LocalTier
  /** With the files by their names in the model. Null in the disk tier, where files have the names of their blobs. */
  readonly folder: string | null
  readonly files: readonly { readonly path: string; readonly location: string }[]
}

/** UNKNOWN_MODEL when not every file has a path. A path is good for as long as the model stays; only a lease promises that it does. */
export function modelPaths(
  store: Pick<Store, 'exportedPathOf' | 'diskPathOf'>,
  model: ModelId,
  files: Manifest['files'],
): ModelPaths {
  const folder = store.exportedPathOf(model)
  if (folder !== null) {
    return { model, tier: 'memory', folder, files: files.map(({ path }) => ({ path, location: join(folder, path) })) }
  }
  const onDisk = files.map((file) => ({ path: file.path, location: store.diskPathOf(blobIdOf(file)) }))
  if (onDisk.every(hasLocation)) return { model, tier: 'disk', folder: null, files: onDisk }
  throw new HoldfastError(
    'UNKNOWN_MODEL',
    'The model has no paths here: it is neither complete in exported memory nor on disk. Set memory.export to a folder on a tmpfs, or disk.limitBytes, and open the model.',
  )
}

function hasLocation(file: { path: string; location: string | null }): file is { path: string; location: string } {
  return file.location !== null
}
