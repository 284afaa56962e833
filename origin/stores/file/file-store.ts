/**
 * The embedded origin: objects as plain files below a folder, so that any tool can look at them and copy them.
 *
 * An object is written to a temporary file, synced, and then renamed (or, where none may be there yet, linked) into place;
 * the folder is synced after. A folder goes with the last object in it, so that what was once there costs no listing anything. Compare-and-swap holds between processes (file-lock.ts). Nothing of this process's own lies
 * outside `.holdfast/`, and keys never lead out of the folder, not even through a symlink that lies in it.
 */
import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Clock, HoldfastError } from '../../../common/index.ts'
import { pathProblem } from '../../files/file-path.ts'
import { checkKey, ownFolders, reservedFolder } from '../object-key.ts'
import type {
  ByteRange,
  GetOptions,
  ListedObject,
  ListOptions,
  ObjectContent,
  ObjectHead,
  ObjectStore,
  PutOptions,
  StoreAbortOptions,
} from '../object-store.ts'
import { BoundedCalls } from './bounded-calls.ts'
import { removeEmptyFolders, removeStaleFolder } from './empty-folders.ts'
import { errnoOf } from './errno.ts'
import { FileLock, type FileLockOptions } from './file-lock.ts'
import {
  linkIfAbsent,
  makeFolders,
  modifiedMsOf,
  readdirIfThere,
  syncFolderIfThere,
  unlinkIfThere,
  writeFully,
} from './file-ops.ts'
import { blockingReads, type FileReads, type PickRange, poolReads, readFlags } from './file-reads.ts'

export interface FileStoreOptions {
  /** Makes the folder at the first write when it is not there, though not its parent: a typing error or an unmounted disk
   * shall not become a new origin somewhere else. */
  readonly create?: boolean
  readonly clock: Clock
  /** Reads in place (file-reads.ts): only where nothing else waits for this process. */
  readonly blocking?: boolean
  readonly lock?: FileLockOptions
}

export class FileStore implements ObjectStore {
  readonly url: string
  /** A folder has nothing around it that would be the origin's business. */
  readonly bucket = null
  readonly clock: Clock
  private readonly root: string
  private readonly options: FileStoreOptions
  private readonly reads: FileReads
  private readonly calls = new BoundedCalls()
  private mayCreate: boolean
  /** Where the folder of the origin lies, with links resolved; found once. */
  private realRoot: string | null = null

  constructor(root: string, options: FileStoreOptions) {
    this.root = root
    this.url = pathToFileURL(root).href
    this.options = options
    this.clock = options.clock
    this.reads = options.blocking ? blockingReads : poolReads
    this.mayCreate = options.create ?? false
  }

  async get(key: string, options: GetOptions): Promise<ObjectContent | null> {
    const found = await this.read(key, options.signal, (sizeBytes) => {
      if (sizeBytes <= options.sizeBytesMax) return { offsetBytes: 0, sizeBytes }
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `${key} in ${this.url} has ${sizeBytes} bytes, at most ${options.sizeBytesMax} are read.`,
      )
    })
    return found && { bytes: found.bytes, version: versionOf(found.bytes) }
  }

  async getRange(key: string, range: ByteRange, options: StoreAbortOptions = {}): Promise<Uint8Array | null> {
    const found = await this.read(key, options.signal, (sizeBytes) => ({
      offsetBytes: range.offsetBytes,
      // The size of the object bounds what is allocated, whatever was asked for.
      sizeBytes: Math.max(0, Math.min(range.sizeBytes, sizeBytes - range.offsetBytes)),
    }))
    return found?.bytes ?? null
  }

  async openObject(key: string, options: StoreAbortOptions = {}): Promise<FileHandle | null> {
    const opened = async (path: string) => {
      const handle = await open(path, readFlags)
      if ((await handle.stat()).isFile()) return handle
      await handle.close()
      return null
    }
    return this.inside(key, options.signal, opened, (late) => void late?.close())
  }

  async head(key: string, options: StoreAbortOptions = {}): Promise<ObjectHead | null> {
    const found = await this.read(key, options.signal, () => ({ offsetBytes: 0, sizeBytes: 0 }))
    return found && { sizeBytes: found.entry.size, modifiedMs: found.entry.mtimeMs }
  }

  async put(key: string, pieces: readonly Uint8Array[], options: PutOptions = {}): Promise<boolean> {
    checkKey(key)
    options.signal?.throwIfAborted()
    return this.guard(async () => {
      const path = join(this.root, key)
      const temporary = await this.writeTemporary(pieces, options.signal)
      try {
        return await this.placeInFolder(temporary, path, key, options)
      } finally {
        await unlinkIfThere(temporary)
      }
    })
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    const folder = prefix.replace(/\/$/, '')
    if (folder !== '') checkKey(folder)
    const isThere = await this.guard(async () => {
      try {
        await this.checkInside(join(this.root, folder))
        return true
      } catch (error) {
        if (!isAbsence(error)) throw error
        await this.checkRoot()
        return false
      }
    })
    if (isThere) yield* this.walk(folder, options)
  }

  async delete(key: string, options: StoreAbortOptions = {}): Promise<void> {
    checkKey(key)
    options.signal?.throwIfAborted()
    await this.guard(async () => {
      const path = join(this.root, key)
      try {
        await this.checkInside(dirname(path))
      } catch (error) {
        if (isAbsence(error)) return this.checkRoot()
        throw error
      }
      await unlinkIfThere(path)
      await removeEmptyFolders(this.root, dirname(key))
    })
  }

  async sweep(olderThanMs: number, options: StoreAbortOptions = {}): Promise<number> {
    const folder = join(this.root, reservedFolder, 'tmp')
    return this.guard(async () => {
      let swept = 0
      for (const name of await readdirIfThere(folder)) {
        options.signal?.throwIfAborted()
        const path = join(folder, name)
        // The file is synced as it grows: one that has not changed for so long has no writer.
        const modifiedMs = await modifiedMsOf(path)
        if (modifiedMs === null || this.clock.wallMs() - modifiedMs < olderThanMs) continue
        await unlinkIfThere(path)
        swept++
      }
      return swept
    })
  }

  /** The folder may go, with the last object in it, between its making and the placing: then it is made again. */
  private async placeInFolder(temporary: string, path: string, key: string, options: PutOptions): Promise<boolean> {
    const folder = dirname(path)
    for (let attempt = 1; ; attempt++) {
      try {
        // What is to be replaced lies in a folder already.
        if (options.ifMatch === undefined) await this.makeFolder(folder)
        await this.checkInside(folder)
        const isDone = await this.place(temporary, path, key, options)
        if (isDone) await syncFolderIfThere(folder)
        return isDone
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error
        await this.checkRoot()
        if (options.ifMatch !== undefined) return false
        if (attempt === placeAttemptsMax) throw error
      }
    }
  }

  /** Moves the temporary file to its place when the condition holds. */
  private async place(temporary: string, path: string, key: string, options: PutOptions): Promise<boolean> {
    if (options.ifNoneMatch === '*') return linkIfAbsent(temporary, path)
    if (options.ifMatch === undefined) {
      await rename(temporary, path)
      return true
    }
    const lockFolder = join(
      this.root,
      reservedFolder,
      'locks',
      createHash('sha256').update(key).digest('hex').slice(0, 32),
    )
    const lock = new FileLock(lockFolder, this.clock, this.options.lock)
    await lock.acquire(options.signal)
    try {
      const current = await this.get(key, { sizeBytesMax: Number.MAX_SAFE_INTEGER })
      if (current?.version !== options.ifMatch || !(await lock.isStillHeld())) return false
      await rename(temporary, path)
      return true
    } finally {
      await lock.release()
    }
  }

  private async writeTemporary(pieces: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<string> {
    const folder = join(this.root, reservedFolder, 'tmp')
    await this.makeFolder(folder)
    const path = join(folder, randomUUID())
    const file = await open(path, 'wx', 0o644)
    try {
      for (const piece of pieces) {
        signal?.throwIfAborted()
        await writeFully(file, piece)
      }
      await file.sync()
    } catch (error) {
      await unlinkIfThere(path)
      throw error
    } finally {
      await file.close()
    }
    return path
  }

  private read(key: string, signal: AbortSignal | undefined, pick: PickRange) {
    return this.inside(key, signal, (path) => this.reads.read(path, pick))
  }

  /** Null when it is not there. */
  private async inside<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: (path: string) => Promise<T>,
    discard?: (late: T | null) => void,
  ): Promise<T | null> {
    checkKey(key)
    const look = async () => {
      try {
        const path = join(this.root, key)
        await this.checkInside(path)
        return await work(path)
      } catch (error) {
        if (!isAbsence(error)) throw error
        await this.checkRoot()
        return null
      }
    }
    return this.guard(() => this.calls.run(look, signal, discard))
  }

  private async *walk(folder: string, options: ListOptions): AsyncGenerator<ListedObject> {
    options.signal?.throwIfAborted()
    const entries = await this.guard(async () => {
      try {
        return await this.reads.readdir(join(this.root, folder))
      } catch (error) {
        if (!isAbsence(error)) throw error
        await this.checkRoot()
        return []
      }
    })
    // Versions before this one left a folder for every push that ever ran, which each listing looked into.
    const isOwn = folder.includes('/') && ownFolders.includes(folder.split('/')[0]!)
    if (entries.length === 0 && isOwn) await removeStaleFolder(join(this.root, folder), this.clock)
    for (const entry of entries) {
      const key = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (key === reservedFolder) continue
      if (entry.isDirectory()) yield* this.walk(key, options)
      else if (entry.isFile() && (options.foreign || pathProblem(key) === null)) {
        const found = await this.guard(() => this.reads.statIfThere(join(this.root, key)))
        if (found) yield { key, sizeBytes: found.size, modifiedMs: found.mtimeMs }
      }
    }
  }

  /** A recursive mkdir would bring back a root that was unmounted or removed, so that one is made apart, and only when allowed. */
  private async makeFolder(folder: string): Promise<void> {
    if (this.mayCreate) {
      try {
        await mkdir(this.root)
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error
      }
      this.mayCreate = false
    }
    await this.checkRoot()
    await makeFolders(folder)
  }

  private async checkRoot(): Promise<void> {
    if (this.mayCreate) return
    const entry = await stat(this.root)
    if (!entry.isDirectory()) throw new HoldfastError('ORIGIN_UNAVAILABLE', `The origin ${this.url} is not a folder.`)
  }

  private async checkInside(path: string): Promise<void> {
    this.realRoot ??= await this.reads.realpath(this.root)
    const root = this.realRoot
    const real = await this.reads.realpath(path)
    if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return
    throw new HoldfastError('ORIGIN_DENIED', `A symlink leads out of the origin ${this.url}: ${path}. Remove it.`)
  }

  private async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.translate(error)
    }
  }

  private translate(error: unknown): unknown {
    const errno = errnoOf(error)
    if (error instanceof HoldfastError || errno === undefined || errno === 'ABORT_ERR') return error
    if (errno === 'ENOSPC' || errno === 'EDQUOT') {
      return new HoldfastError(
        'DISK_FULL',
        `The disk of the origin ${this.url} is full. Free space there and push again.`,
        { cause: error },
      )
    }
    return new HoldfastError(
      'ORIGIN_UNAVAILABLE',
      `The origin ${this.url} cannot be used: ${(error as Error).message}. Check that the folder exists, is mounted and is yours.`,
      { cause: error },
    )
  }
}

/** Each failure means that another has emptied the folder at that instant. */
const placeAttemptsMax = 100

const versionOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** ENXIO: a socket lies there. */
const isAbsence = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ENXIO'].includes(errnoOf(error) ?? '')
