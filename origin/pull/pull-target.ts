/**
 * What stands at the places that a pull will write to: nothing, the same file already, or something else. Looked at before
 * the first byte is fetched, so that a conflict costs nothing and changes nothing.
 */
import { lstat, mkdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { hashFile } from '../push/file-hash.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { Manifest, ManifestFile } from '../types.ts'

export interface PullTargets {
  readonly missing: readonly ManifestFile[]
  /** Files that lie there with the right content. */
  readonly present: readonly ManifestFile[]
}

const conflictsShown = 5

/** PATH_CONFLICT names what is in the way. `force` has other files replaced; folders in the place of files never. */
export async function inspectTargets(
  manifest: Manifest,
  destination: string,
  options: { readonly force: boolean; readonly signal?: AbortSignal },
): Promise<PullTargets> {
  const missing: ManifestFile[] = []
  const present: ManifestFile[] = []
  const conflicts: string[] = []
  for (const file of manifest.files) {
    options.signal?.throwIfAborted()
    const found = await look(join(destination, file.path), file, options.signal)
    if (found === 'same') present.push(file)
    else if (found === 'absent' || (found === 'other' && options.force)) missing.push(file)
    else conflicts.push(file.path)
  }
  if (conflicts.length > 0) throw conflict(conflicts, destination)
  return { missing, present }
}

/** Again right before the file is placed: what somebody put there during a long pull is not overwritten either. */
export async function checkStillFree(
  destination: string,
  file: ManifestFile,
  options: { readonly force: boolean },
): Promise<void> {
  const found = await look(join(destination, file.path), file)
  if (found === 'blocked' || (found === 'other' && !options.force)) throw conflict([file.path], destination)
}

/** Makes a folder of the destination. A symlink that stands there must not lead the pull out of its destination. */
export async function makeTargetFolder(destination: string, folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    if (!['EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error
    throw conflict([folder], destination)
  }
  const [root, real] = await Promise.all([realpath(destination), realpath(folder)])
  if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new HoldfastError(
      'PATH_CONFLICT',
      `${folder} is a symlink that leads out of ${destination}. Remove it or pull elsewhere.`,
    )
  }
}

async function look(path: string, file: ManifestFile, signal?: AbortSignal) {
  try {
    const entry = await lstat(path)
    if (entry.isDirectory()) return 'blocked'
    if (!entry.isFile() || entry.size !== file.sizeBytes) return 'other'
    return (await hashFile(path, signal)) === file.sha256 ? 'same' : 'other'
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent'
    if (errnoOf(error) === 'ENOTDIR') return 'blocked'
    throw error
  }
}

function conflict(paths: readonly string[], destination: string): HoldfastError {
  const more = paths.length > conflictsShown ? ` and ${paths.length - conflictsShown} more` : ''
  return new HoldfastError(
    'PATH_CONFLICT',
    `In ${destination} stand others in the place of ${paths.slice(0, conflictsShown).join(', ')}${more}. ` +
      'Pull into an empty folder, remove them, or replace files with --force.',
    { details: { paths: paths.slice(0, conflictsShown) } },
  )
}
