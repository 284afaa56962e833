/**
 * What stands at the places that a pull will write to: nothing, the same file already, or something else. Looked at before
 * the first byte is fetched, so that a conflict costs nothing and changes nothing.
 */
import type { Stats } from 'node:fs'
import { lstat, mkdir } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
import { fileFailure, onFile } from '../files/file-failure.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { Manifest, ManifestFile } from '../types.ts'
import { hasContentOf } from './file-content.ts'

export interface PullTargets {
  readonly missing: readonly ManifestFile[]
  /** Files that lie there with the right content. */
  readonly present: readonly ManifestFile[]
}

interface LookOptions {
  readonly folders: TargetFolders
  readonly work: FileWork
  readonly signal?: AbortSignal
}

const conflictsShown = 5

/** PATH_CONFLICT names what is in the way. `force` has other files replaced; folders in the place of files never. */
export async function inspectTargets(
  manifest: Manifest,
  destination: string,
  options: {
    readonly folders: TargetFolders
    readonly work: FileWork
    readonly force: boolean
    readonly signal?: AbortSignal
  },
): Promise<PullTargets> {
  const missing: ManifestFile[] = []
  const present: ManifestFile[] = []
  const conflicts: string[] = []
  const blocked: string[] = []
  for (const file of manifest.files) {
    options.signal?.throwIfAborted()
    const found = await look(options, destination, file)
    if (found === 'same') present.push(file)
    else if (found === 'absent' || (found === 'other' && options.force)) missing.push(file)
    else if (found === 'blocked') blocked.push(file.path)
    else conflicts.push(file.path)
  }
  if (blocked.length > 0) throw blockedBy(blocked, destination)
  if (conflicts.length > 0) throw conflict(conflicts, destination)
  return { missing, present }
}

/** Again right before the file is placed: what somebody put there during a long pull is not overwritten either. */
export async function checkStillFree(
  destination: string,
  file: ManifestFile,
  options: {
    readonly folders: TargetFolders
    readonly work: FileWork
    readonly force: boolean
    readonly isOurs: (entry: Stats) => boolean
  },
): Promise<void> {
  const path = join(destination, file.path)
  const entry = await lstat(path).catch(() => null)
  // Where a file system takes two names for one, the second file of a model would replace the first.
  if (entry !== null && options.isOurs(entry))
    throw new HoldfastError(
      'PATH_CONFLICT',
      `${path} is another file of the same model: this file system takes both names for one. Pull to another file system.`,
      { details: { path } },
    )
  const found = await look(options, destination, file)
  if (found === 'blocked') throw blockedBy([file.path], destination)
  if (found === 'other' && !options.force) throw conflict([file.path], destination)
}

/**
 * The folders of one destination: made and looked at part by part, so that no link below the destination is followed. The
 * destination itself may be one: where the user's folder lies is the user's business.
 */
export class TargetFolders {
  private readonly destination: string
  private readonly real = new Set<string>()

  constructor(destination: string) {
    this.destination = destination
  }

  /** Makes `folder` ('/'-separated, below the destination). PATH_CONFLICT when a part of it is a file or a link. */
  async make(folder: string): Promise<void> {
    for (const path of partsOf(folder)) {
      if (this.real.has(path)) continue
      const target = join(this.destination, path)
      await onFile(target, 'made', async () => {
        await mkdir(target).catch((error) => {
          if (errnoOf(error) !== 'EEXIST') throw error
        })
        this.check(path, await lstat(target))
      })
    }
  }

  /** As make, of a folder that another pull may have removed since. */
  async makeAgain(folder: string): Promise<void> {
    this.real.delete(folder)
    await this.make(folder)
  }

  /** False when it is not there. PATH_CONFLICT as above. */
  async has(folder: string): Promise<boolean> {
    for (const path of partsOf(folder)) {
      if (this.real.has(path)) continue
      const target = join(this.destination, path)
      try {
        this.check(path, await lstat(target))
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return false
        throw fileFailure(error, target, 'read')
      }
    }
    return true
  }

  private check(path: string, entry: Stats): void {
    if (!entry.isDirectory()) throw folderConflict(join(this.destination, path), entry.isSymbolicLink())
    this.real.add(path)
  }
}

/** 'a', 'a/b', 'a/b/c' of 'a/b/c'. */
function partsOf(folder: string): string[] {
  if (folder === '' || folder === '.') return []
  return folder.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))
}

function folderConflict(path: string, isLink: boolean): HoldfastError {
  const what = isLink ? 'a symlink, and a pull follows none below its folder' : 'a file where a folder has to be'
  return new HoldfastError('PATH_CONFLICT', `${path} is ${what}. Remove it or pull elsewhere.`, { details: { path } })
}

async function look({ folders, work, signal }: LookOptions, destination: string, file: ManifestFile) {
  const path = join(destination, file.path)
  if (!(await folders.has(posix.dirname(file.path)))) return 'absent'
  try {
    const entry = await lstat(path)
    if (entry.isDirectory()) return 'blocked'
    if (!entry.isFile() || entry.size !== file.sizeBytes) return 'other'
    return (await hasContentOf(path, file, work, signal)) ? 'same' : 'other'
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'absent'
    throw fileFailure(error, path, 'read')
  }
}

function conflict(paths: readonly string[], destination: string): HoldfastError {
  const what = `${destination} already has a different ${listed(paths)}`
  const action = 'Pull into an empty folder, remove them, or replace files with --force.'
  return new HoldfastError('PATH_CONFLICT', `${what}. ${action}`, {
    details: { paths: paths.slice(0, conflictsShown) },
  })
}

function blockedBy(paths: readonly string[], destination: string): HoldfastError {
  const what = `${destination} has a folder in the place of ${listed(paths)}`
  const action = 'Pull into an empty folder, or remove it: --force replaces no folder.'
  return new HoldfastError('PATH_CONFLICT', `${what}. ${action}`, {
    details: { paths: paths.slice(0, conflictsShown) },
  })
}

function listed(paths: readonly string[]): string {
  const more = paths.length > conflictsShown ? ` and ${paths.length - conflictsShown} more` : ''
  return `${paths.slice(0, conflictsShown).join(', ')}${more}`
}
