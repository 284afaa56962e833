/**
 * How a file store reads. On threads of the pool, so that a slow disk holds up nobody; or in place, for a process that does
 * nothing else than read many small objects: a call in place costs a tenth of the processor time of a way through the pool.
 */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { open, readdir, realpath } from 'node:fs/promises'
import type { ByteRange } from '../object-store.ts'
import { errnoOf } from './errno.ts'
import { readFully, statIfThere } from './file-ops.ts'

/** A FIFO in the place of an object would keep whoever opens it until somebody writes. */
export const readFlags = constants.O_RDONLY | constants.O_NONBLOCK

/** What to read of a file that has this size. */
export type PickRange = (sizeBytes: number) => ByteRange

export interface FileReads {
  realpath(path: string): Promise<string>
  readdir(folder: string): Promise<Dirent[]>
  statIfThere(path: string): Promise<Stats | null>
  /** null when it is no file. Fewer bytes when it is shorter. */
  read(path: string, pick: PickRange): Promise<{ readonly bytes: Uint8Array; readonly entry: Stats } | null>
}

export const poolReads: FileReads = {
  realpath,
  readdir: (folder) => readdir(folder, { withFileTypes: true }),
  statIfThere,
  read: async (path, pick) => {
    const file = await open(path, readFlags)
    try {
      const entry = await file.stat()
      if (!entry.isFile()) return null
      const { offsetBytes, sizeBytes } = pick(entry.size)
      return { bytes: await readFully(file, offsetBytes, sizeBytes), entry }
    } finally {
      await file.close()
    }
  },
}

export const blockingReads: FileReads = {
  realpath: async (path) => realpathSync.native(path),
  readdir: async (folder) => readdirSync(folder, { withFileTypes: true }),
  statIfThere: async (path) => {
    try {
      return statSync(path)
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null
      throw error
    }
  },
  read: async (path, pick) => {
    const file = openSync(path, readFlags)
    try {
      const entry = fstatSync(file)
      if (!entry.isFile()) return null
      const { offsetBytes, sizeBytes } = pick(entry.size)
      const bytes = Buffer.allocUnsafeSlow(sizeBytes)
      let doneBytes = 0
      for (let readBytes = 1; doneBytes < sizeBytes && readBytes > 0; doneBytes += readBytes)
        readBytes = readSync(file, bytes, doneBytes, sizeBytes - doneBytes, offsetBytes + doneBytes)
      return { bytes: bytes.subarray(0, doneBytes), entry }
    } finally {
      closeSync(file)
    }
  },
}
