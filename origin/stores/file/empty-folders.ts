/**
 * Folders of keys that have no key any more. rmdir removes an empty folder alone, so nothing is lost to a writer that puts
 * something there at that instant; the writer makes the folder again when it lost its own.
 */
import { rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '../../../common/index.ts'
import { errnoOf } from './errno.ts'
import { statIfThere } from './file-ops.ts'

/** Removes `folder` (relative, '/'-separated) and those above it below `root`, up to the first that has something. */
export async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  for (let path = folder; path !== '.'; path = dirname(path)) {
    if (!(await rmdirIfEmpty(join(root, path)))) return
  }
}

/** A younger one may be about to get its first file from an older version, which does not make it again. */
const staleMs = 3_600_000

export async function removeStaleFolder(path: string, clock: Clock): Promise<void> {
  const entry = await statIfThere(path)
  if (entry !== null && clock.wallMs() - entry.mtimeMs > staleMs) await rmdirIfEmpty(path)
}

/** False when it stays. What cannot be removed is no failure: it costs the listings that it costs today. */
async function rmdirIfEmpty(path: string): Promise<boolean> {
  try {
    await rmdir(path)
    return true
  } catch (error) {
    // Gone already: the one above may be empty too.
    return errnoOf(error) === 'ENOENT'
  }
}
