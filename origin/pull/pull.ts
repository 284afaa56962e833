/**
 * Pull: a model of the origin becomes files in a folder, every chunk verified.
 *
 * A file appears under its name whole or not at all. Files that are there with the right content are kept; what an
 * interrupted pull has fetched lies in `.holdfast-partial/` and is used again; content that occurs twice is fetched once.
 */
import { type FileHandle, mkdir, open, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { ModelId, Sha256 } from '../../common/index.ts'
import { mapLimited } from '../concurrency.ts'
import { manifestSizeBytes } from '../manifest/manifest.ts'
import type { Origin } from '../origin.ts'
import { errnoOf } from '../stores/file/errno.ts'
import type { ManifestFile } from '../types.ts'
import { fillPartialFile, partialName, placePartialFile, type ReadChunk } from './partial-file.ts'
import { checkStillFree, inspectTargets, makeTargetFolder } from './pull-target.ts'

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

/** UNKNOWN_MODEL, PATH_CONFLICT, DIGEST_MISMATCH, ORIGIN_NOT_FOUND and what the origin's store throws. */
export async function pull(options: PullOptions): Promise<PullResult> {
  return new Pull(options).run()
}

class Pull {
  private readonly options: PullOptions
  private readonly destination: string
  private readonly signal: { readonly signal?: AbortSignal }
  /** Where content lies in the destination, whole and verified in this run. */
  private readonly placed = new Map<Sha256, string>()
  /** Folders of the destination that were made or found, and lie in it. */
  private readonly folders = new Set<string>()
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
    this.destination = resolve(options.destination)
    this.signal = options.signal ? { signal: options.signal } : {}
  }

  async run(): Promise<PullResult> {
    const { digest, manifest } = await this.options.origin.resolveReference(this.options.name, this.signal)
    const totalBytes = manifestSizeBytes(manifest)
    this.report({ totalBytes, filesTotal: manifest.files.length })
    const force = this.options.force ?? false
    const { missing, present } = await inspectTargets(manifest, this.destination, { force, ...this.signal })
    await mkdir(this.destination, { recursive: true })
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
    return { digest, destination: this.destination, files: manifest.files.length, totalBytes, fetchedBytes, keptBytes }
  }

  private async bring(digest: ModelId, file: ManifestFile): Promise<void> {
    this.report({ path: file.path })
    const target = join(this.destination, file.path)
    const partial = join(this.destination, partialFolder, partialName(file))
    await this.makeFolderOf(target)
    const twin = this.placed.get(file.sha256)
    const read = twin === undefined ? this.originReader(digest, file) : await FileReader.open(twin)
    try {
      await fillPartialFile(partial, file, read.readAt, {
        chunksConcurrent: this.options.chunksConcurrent ?? defaultChunksConcurrent,
        ...this.signal,
        onChunk: (sizeBytes, kept) => this.chunkDone(sizeBytes, kept || twin !== undefined),
      })
    } finally {
      await read.close()
    }
    await checkStillFree(this.destination, file, { force: this.options.force ?? false })
    await placePartialFile(partial, target, file)
    this.done(file, target, 0)
  }

  private async makeFolderOf(target: string): Promise<void> {
    const folder = dirname(target)
    if (this.folders.has(folder)) return
    await makeTargetFolder(this.destination, folder)
    this.folders.add(folder)
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
    return new FileReader(await open(path, 'r'))
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

/** Another pull may be using it, or have parts of other models in it. */
async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error
  }
}
