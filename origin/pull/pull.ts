/**
 * Pull: a model of the origin becomes files in a folder, every chunk verified.
 *
 * A file appears under its name whole or not at all. Files that are there with the right content are kept; what an
 * interrupted pull has fetched lies in `.holdfast-partial/` and is used again; content that occurs twice is fetched once.
 */
import { constants, type Stats } from 'node:fs'
import { lstat, open, rmdir } from 'node:fs/promises'
import { join, posix, resolve } from 'node:path'
import type { ModelId, Sha256 } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
import { SpareBuffers } from '../bytes/spare-buffers.ts'
import { mapLimited } from '../concurrency.ts'
import { onFile } from '../files/file-failure.ts'
import { manifestSizeBytes } from '../manifest/manifest.ts'
import type { Origin } from '../origin.ts'
import { errnoOf } from '../stores/file/errno.ts'
import { makeFolders } from '../stores/file/file-ops.ts'
import type { Extent, ManifestFile } from '../types.ts'
import { fillPartialFile, partialName, placePartialFile } from './partial-file.ts'
import { checkStillFree, inspectTargets, TargetFolders } from './pull-target.ts'
import { localRuns, originRuns, type WriteRun } from './run-source.ts'

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
  /** Reads of one file under way at one time. With the defaults at most 8 reads (64 MiB) are in memory. */
  readonly readsConcurrent?: number
  /** Neighbouring chunks of up to so many bytes are read in one go. */
  readonly readBytesMax?: number
  readonly onProgress?: (progress: PullProgress) => void
  readonly signal?: AbortSignal
}

export const defaultFilesConcurrent = 2
export const defaultSmallFilesConcurrent = 16
export const defaultReadsConcurrent = 4
export const defaultReadBytesMax = 8 * 1024 * 1024

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
  private readonly work: FileWork
  private readonly buffers: SpareBuffers
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
    this.work = options.origin.work
    this.buffers = new SpareBuffers(options.readBytesMax ?? defaultReadBytesMax)
  }

  async run(): Promise<PullResult> {
    const { digest, manifest } = await this.options.origin.resolveReference(this.options.name, this.signal)
    const totalBytes = manifestSizeBytes(manifest)
    this.report({ totalBytes, filesTotal: manifest.files.length })
    const force = this.options.force ?? false
    const { folders, destination, work } = this
    const { missing, present } = await inspectTargets(manifest, destination, { folders, work, force, ...this.signal })
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
    const { folders, work } = this
    const force = this.options.force ?? false
    await checkStillFree(this.destination, file, { folders, work, force, isOurs: this.isOurs })
    await onFile(target, 'written', async () => {
      await placePartialFile(partial, target, file, work)
      this.inodes.add(inodeOf(await lstat(target)))
    })
    this.done(file, target, 0)
  }

  private readonly isOurs = (entry: Stats): boolean => this.inodes.has(inodeOf(entry))

  private async fill(digest: ModelId, file: ManifestFile, partial: string): Promise<void> {
    const twin = this.placed.get(file.sha256)
    if (twin === undefined) {
      const extents = await this.extentsOf(digest, file)
      const write = originRuns(this.options.origin, digest, file.sha256, this.buffers)
      return this.fillFrom({ extents, write }, file, partial)
    }
    const handle = await open(twin, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      await this.fillFrom({ extents: [], write: localRuns(handle) }, file, partial)
    } finally {
      await handle.close()
    }
  }

  private async extentsOf(digest: ModelId, file: ManifestFile): Promise<readonly Extent[]> {
    return file.sizeBytes === 0 ? [] : this.options.origin.extentsOf(digest, file.sha256, this.signal)
  }

  private async fillFrom(
    source: { readonly extents: readonly Extent[]; readonly write: WriteRun },
    file: ManifestFile,
    partial: string,
  ): Promise<void> {
    await fillPartialFile(partial, file, source, {
      work: this.work,
      readsConcurrent: this.options.readsConcurrent ?? defaultReadsConcurrent,
      readBytesMax: this.options.readBytesMax ?? defaultReadBytesMax,
      ...this.signal,
      makeFolder: () => this.folders.makeAgain(partialFolder),
      onChunk: (sizeBytes, kept) => this.chunkDone(sizeBytes, kept),
    })
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

const inodeOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`

/** Another pull may be using it, or have parts of other models in it. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
  }
}
