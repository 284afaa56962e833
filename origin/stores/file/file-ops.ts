/** Small file operations that say what they mean when the file is there already, or not there. */
import type { Stats } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf } from './errno.ts'

export async function readFully(file: FileHandle, offsetBytes: number, sizeBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes)
  let doneBytes = 0
  while (doneBytes < sizeBytes) {
    const { bytesRead } = await file.read(bytes, doneBytes, sizeBytes - doneBytes, offsetBytes + doneBytes)
    if (bytesRead === 0) break
    doneBytes += bytesRead
  }
  return bytes.subarray(0, doneBytes)
}

/** Behind what was written before. In one call as a rule: FileHandle.writeFile cuts a chunk into sixteen. */
export async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let doneBytes = 0; doneBytes < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, doneBytes, bytes.length - doneBytes)
    doneBytes += bytesWritten
  }
}

export async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Makes the folder and those above it, with `mode`. ENOENT when one of them goes meanwhile. Node's own recursive mkdir says ENOTDIR then,
 * as it does of a file that is in the way, so that a caller cannot tell whether to try again; and it asks for ever where the parent is
 * there and the system still says ENOENT, as below /proc and in a working folder that was removed.
 */
export async function makeFolders(folder: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(folder, { mode })
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    if (errnoOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error
    await makeFolders(dirname(folder), mode)
    await mkdirIfAbsent(folder, mode)
  }
}

async function mkdirIfAbsent(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

export async function readdirIfThere(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

export async function statIfThere(path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null
    throw error
  }
}

export async function modifiedMsOf(path: string): Promise<number | null> {
  return (await statIfThere(path))?.mtimeMs ?? null
}

/** Makes the new name survive a power failure, not only the new bytes. A folder that went meanwhile has no names. */
export async function syncFolderIfThere(folder: string): Promise<void> {
  let handle: FileHandle
  try {
    handle = await open(folder, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
