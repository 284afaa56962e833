/**
 * Pull: a model of the origin becomes files in a folder, every chunk verified.
 *
 * A file appears under its name whole or not at all. Files that are there with the right content are kept; what an
 * interrupted pull has fetched lies in `.holdfast-partial/` and is used again; content that occurs twice is fetched once.
 */
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, open, rmdir } from 'node:fs/promises'
import { join, posix, resolve } from 'node:path'
import type { ModelId, Sha256 } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import { onFile } from '../files/file-failure.ts'
import { manifestSizeBytes } from '../manifest/manifest.ts'
import type { Origin } from '../origin.ts'
import { errnoOf } from '../stores/file/errno.ts'
import { makeFolders } from '../stores/file/file-ops.ts'
import type { ManifestFile } from '../types.ts'
import { fillPartialFile, partialName, placePartialFile, type ReadChunk } from './partial-file.ts'
import { checkStillFree, inspectTargets, TargetFolders } from './pull-target.ts'

export const partialFolder = '.holdfast-partial'

export interface PullOptions {
  /** `namespace/name[:tag]` or `sha256:<digest>`. */
  readonly name: string
  readonly origin: Origin
  /** Made when it is not there. */
  readonly destination: string
  /** Replaces files that have other content; without it they are a PATH_CONFLICT. */
  readonly force?: boolean
  /** Files of 1 MiB or more in work at one time. */
  readonly filesConcurrent?: number
  /** Smaller files in work at one time; they take at most a chunk of a MiB each. */
  readonly smallFilesConcurrent?: number
  /** Chunks read ahead per file. With the default of both, at most 8 chunks (64 MiB) are in memory. */
  readonly chunksConcurrent?: number
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal
}

export const defaultFilesConcurrent = 2
export const defaultSmallFilesConcurrent = 16
export const defaultChunksConcurrent = 4

const smallFileBytes = 1024 * 1024

export interface PullProgress {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly fetchedBytes: number
  readonly filesDone: number
  readonly filesTotal: number
  /** The file that was worked on last. */
  readonly path: string | null
}

export interface PullResult {
  readonly digest: ModelId
  readonly destination: string
  readonly files: number
  readonly totalBytes: number
  /** Bytes that came from the origin. */
  readonly fetchedBytes: number
  /** Bytes that were there already, whole files and parts of interrupted ones, or were copied within the folder. */
  readonly keptBytes: number
}

/**
 * UNKNOWN_MODEL, PATH_CONFLICT, DISK_FULL, FILE_DENIED, FILE_FAILED, DIGEST_MISMATCH, ORIGIN_NOT_FOUND and what the origin's
 * store throws. After a failure no file of the model is half there; what was fetched is used by the next pull.
 */
export async function pull(options: PullOptions): Promise<PullResult> {
  return new Pull(options).run()
}

class Pull {
  private readonly options: PullOptions
  /** As the user wrote it: messages name it so. */
  private readonly destination: string
  private readonly signal: { readonly signal?: AbortSignal }
  /** Where content lies in the destination, whole and verified in this run. */
  private readonly placed = new Map<Sha256, string>()
  private readonly folders: TargetFolders
  /** Of the files that this pull has placed. */
  private readonly inodes = new Set<string>()
  private progress: PullProgress = {
    doneBytes: 0,
    totalBytes: 0,
    fetchedBytes: 0,
    filesDone: 0,
    filesTotal: 0,
    path: null,
  }

  constructor(options: PullOptions) {
    this.options = options
    this.destination = options.destination
    this.folders = new TargetFolders(this.destination)
    this.signal = options.signal ? { signal: options.signal } : {}
  }

  async run(): Promise<PullResult> {
    const { digest, manifest } = await this.options.origin.resolveReference(this.options.name, this.signal)
    const totalBytes = manifestSizeBytes(manifest)
    this.report({ totalBytes, filesTotal: manifest.files.length })
    const force = this.options.force ?? false
    const { folders, destination } = this
    const { missing, present } = await inspectTargets(manifest, destination, { folders, force, ...this.signal })
    await onFile(destination, 'made', () => makeFolders(destination))
    if (missing.length > 0) await folders.make(partialFolder)
    for (const file of present) this.done(file, join(this.destination, file.path), file.sizeBytes)
    // Small files are latency (a request and an fsync each), large ones are bandwidth and memory.
    const groups = Map.groupBy(missing, (file) => file.sha256).values()
    const { small = [], large = [] } = Object.groupBy(groups, ([file]) =>
      file!.sizeBytes < smallFileBytes ? 'small' : 'large',
    )
    const bring = async (files: readonly ManifestFile[]) => {
      for (const file of files) await this.bring(digest, file)
    }
    await mapLimited(small, this.options.smallFilesConcurrent ?? defaultSmallFilesConcurrent, bring)
    await mapLimited(large, this.options.filesConcurrent ?? defaultFilesConcurrent, bring)
    await removeIfEmpty(join(this.destination, partialFolder))
    const { fetchedBytes } = this.progress
    const keptBytes = totalBytes - fetchedBytes
    return {
      digest,
      destination: resolve(destination),
      files: manifest.files.length,
      totalBytes,
      fetchedBytes,
      keptBytes,
    }
  }

  private async bring(digest: ModelId, file: ManifestFile): Promise<void> {
    this.report({ path: file.path })
    const target = join(this.destination, file.path)
    const partial = join(this.destination, partialFolder, partialName(file))
    await this.folders.make(posix.dirname(file.path))
    await onFile(target, 'written', () => this.fill(digest, file, partial))
    const force = this.options.force ?? false
    await checkStillFree(this.destination, file, { folders: this.folders, force, isOurs: this.isOurs })
    await onFile(target, 'written', async () => {
      await placePartialFile(partial, target, file)
      this.inodes.add(inodeOf(await lstat(target)))
    })
    this.done(file, target, 0)
  }

  private readonly isOurs = (entry: Stats): boolean => this.inodes.has(inodeOf(entry))

  private async fill(digest: ModelId, file: ManifestFile, partial: string): Promise<void> {
    const twin = this.placed.get(file.sha256)
    const read = twin === undefined ? this.originReader(digest, file) : await FileReader.open(twin)
    try {
      await fillPartialFile(partial, file, read.readAt, {
        chunksConcurrent: this.options.chunksConcurrent ?? defaultChunksConcurrent,
        ...this.signal,
        makeFolder: () => this.folders.makeAgain(partialFolder),
        onChunk: (sizeBytes, kept) => this.chunkDone(sizeBytes, kept || twin !== undefined),
      })
    } finally {
      await read.close()
    }
  }

  private originReader(digest: ModelId, file: ManifestFile): ChunkReader {
    return {
      readAt: (offsetBytes, sizeBytes) =>
        this.options.origin.readRange(digest, file.sha256, { offsetBytes, sizeBytes }, this.signal),
      close: async () => {},
    }
  }

  private chunkDone(sizeBytes: number, kept: boolean): void {
    const { doneBytes, fetchedBytes } = this.progress
    this.report({ doneBytes: doneBytes + sizeBytes, fetchedBytes: fetchedBytes + (kept ? 0 : sizeBytes) })
  }

  private done(file: ManifestFile, target: string, sizeBytes: number): void {
    this.placed.set(file.sha256, target)
    const { doneBytes, filesDone } = this.progress
    this.report({ doneBytes: doneBytes + sizeBytes, filesDone: filesDone + 1, path: file.path })
  }

  private report(change: Partial<PullProgress>): void {
    this.progress = { ...this.progress, ...change }
    this.options.onProgress?.(this.progress)
  }
}

interface ChunkReader {
  readonly readAt: ReadChunk
  close(): Promise<void>
}

/** Content that lies in the destination already, under another name. It is verified like any other. */
class FileReader implements ChunkReader {
  private readonly handle: FileHandle

  private constructor(handle: FileHandle) {
    this.handle = handle
  }

  static async open(path: string): Promise<FileReader> {
    return new FileReader(await open(path, constants.O_RDONLY | constants.O_NOFOLLOW))
  }

  readonly readAt: ReadChunk = async (offsetBytes, sizeBytes) => {
    const bytes = Buffer.allocUnsafeSlow(sizeBytes)
    const { bytesRead } = await this.handle.read(bytes, 0, sizeBytes, offsetBytes)
    return bytes.subarray(0, bytesRead)
  }

  async close(): Promise<void> {
    await this.handle.close()
  }
}

const inodeOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`

/** Another pull may be using it, or have parts of other models in it. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
  }
}
