/**
 * Push: a file or folder becomes a model of the origin.
 *
 * Every file is read once; its chunks are hashed, several at a time, looked up in the index, and packed and uploaded when they are new. Then, in
 * this order, so that whatever a reader finds is complete: index shards, locations, manifest, and last the ref, by
 * compare-and-swap. A push that dies anywhere leaves at most objects that no model names; the next one reuses them, and sends
 * again at most the packs that were on their way.
 */
import type { KeyObject } from 'node:crypto'
import type { ModelId, Sha256 } from '../../common/index.ts'
import { SpareBuffers } from '../bytes/spare-buffers.ts'
import { planFile } from '../chunking/file-plan.ts'
import { type FileNote, plainBytesNote } from '../files/file-rules.ts'
import { type SourceFile, walkSource } from '../files/source-walk.ts'
import { checkEntry, entryAnnotation } from '../manifest/entry-file.ts'
import { buildManifest, type EncodedManifest } from '../manifest/manifest.ts'
import { chunkBytesMax, defaultManifestLimits, type ManifestLimits } from '../manifest/manifest-limits.ts'
import type { Origin } from '../origin.ts'
import { parseModelName } from '../refs/model-name.ts'
import { publish } from '../refs/publish.ts'
import { RefMove } from '../refs/ref-move.ts'
import type { StoreAbortOptions } from '../stores/object-store.ts'
import type { Chunk, Extent, ManifestFile, ModelName, Ref } from '../types.ts'
import { ChunkIndex } from './chunk-index.ts'
import { HashedChunks } from './hashed-chunks.ts'
import { defaultPackOptions, type PackOptions, PackWriter, type StoredPack } from './pack-writer.ts'
import { PushMarker } from './push-marker.ts'
import { OpenSourceFile } from './source-file.ts'

export interface PushOptions {
  /** A folder, or a single file. */
  readonly source: string
  readonly name: ModelName | string
  readonly origin: Origin
  readonly annotations?: Readonly<Record<string, string>>
  /** Signs the ref. The default is the key file of this user, made when there is none. */
  readonly publisherKey?: KeyObject
  readonly pack?: PackOptions
  readonly limits?: ManifestLimits
  /**
   * Uploaded bytes after which the index takes over what the push's records tell, so that these stay few. A write touches up
   * to 256 shards: every few GiB it costs less than a hundredth of the upload.
   */
  readonly checkpointBytes?: number
  readonly onProgress?: (progress: PushProgress) => void
  readonly signal?: AbortSignal
}

export const defaultCheckpointBytes = 2 * 1024 ** 3

/** Chunks of a file that are read and hashed at one time. */
const chunksConcurrent = 4

export interface PushProgress {
  /** Bytes read, hashed, and either known to the origin or handed to an upload. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly newBytes: number
  readonly reusedBytes: number
  readonly filesDone: number
  readonly filesTotal: number
  /** The file in work; null after the last one, while uploads and records are finished. */
  readonly path: string | null
}

export interface PushResult {
  /** Of the manifest: the model's identity. */
  readonly digest: ModelId
  readonly totalBytes: number
  /** Bytes that were uploaded. */
  readonly newBytes: number
  /** Bytes that the origin had, or that occur more than once in the model. */
  readonly reusedBytes: number
  readonly files: number
  readonly chunks: number
  readonly ref: Ref
  /** False when the tag meant this model already. */
  readonly moved: boolean
  /** What was left out, is not kept, or was moved as plain bytes. */
  readonly notes: readonly FileNote[]
}

/**
 * BAD_REQUEST, BAD_MODEL_NAME, BAD_MODEL_FILE, FILE_CHANGED, FILE_DENIED, FILE_FAILED, REF_CONFLICT, and what the origin's store
 * throws.
 */
export async function push(options: PushOptions): Promise<PushResult> {
  return new Push(options).run()
}

class Push {
  private readonly options: PushOptions
  private readonly name: ModelName
  private readonly limits: ManifestLimits
  private readonly abort: StoreAbortOptions
  private readonly index: ChunkIndex
  private marker!: PushMarker
  private packs!: PackWriter
  private readonly extents = new Map<Sha256, Extent>()
  private readonly opened: OpenSourceFile[] = []
  private readonly buffers = new SpareBuffers(chunkBytesMax)
  private readonly notes: FileNote[] = []
  private sinceCheckpointBytes = 0
  private progress: PushProgress

  constructor(options: PushOptions) {
    this.options = options
    this.name = typeof options.name === 'string' ? parseModelName(options.name) : options.name
    this.limits = options.limits ?? defaultManifestLimits
    this.abort = options.signal ? { signal: options.signal } : {}
    this.index = new ChunkIndex(options.origin.store)
    this.progress = {
      doneBytes: 0,
      totalBytes: 0,
      newBytes: 0,
      reusedBytes: 0,
      filesDone: 0,
      filesTotal: 0,
      path: null,
    }
  }

  async run(): Promise<PushResult> {
    const { origin, source, signal } = this.options
    const { files: sources, notes } = await walkSource(source, { filesMax: this.limits.filesMax, ...this.abort })
    this.notes.push(...notes)
    const refMove = await RefMove.begin(origin.store, this.name, this.abort)
    this.marker = await PushMarker.begin(origin.store, this.abort)
    this.packs = new PackWriter(
      origin.store,
      this.marker.id,
      (pack) => this.packStored(pack),
      this.buffers,
      this.options.pack ?? defaultPackOptions,
      signal,
    )
    try {
      return await this.runMarked(sources, refMove)
    } finally {
      await this.marker.end()
    }
  }

  private async runMarked(sources: readonly SourceFile[], refMove: RefMove): Promise<PushResult> {
    const entry = this.options.annotations?.[entryAnnotation]
    if (entry !== undefined) checkEntry(sources, entry)
    this.index.hint(await this.marker.othersChunks(this.abort))
    this.report({ totalBytes: sources.reduce((sum, file) => sum + file.sizeBytes, 0), filesTotal: sources.length })
    const files = await this.uploadFiles(sources)
    for (const file of this.opened) await file.checkUnchanged()
    const encoded = buildManifest(files, this.options.annotations, this.limits)
    const { store } = this.options.origin
    const { marker } = this
    const { publisherKey } = this.options
    const places = this.placesOf(encoded)
    const { ref, moved } = await publish({ store, encoded, places, refMove, marker, publisherKey }, this.abort)
    const { totalBytes, newBytes, reusedBytes } = this.progress
    const chunks = files.reduce((sum, file) => sum + file.chunks.length, 0)
    const counts = { totalBytes, newBytes, reusedBytes, files: files.length, chunks }
    return { digest: encoded.digest, ...counts, ref, moved, notes: this.notes }
  }

  private async packStored({ name, chunks }: StoredPack): Promise<void> {
    await this.marker.record(name, chunks, this.abort)
    for (const [sha256, extent] of chunks) {
      this.extents.set(sha256, extent)
      this.index.add(sha256, extent)
    }
  }

  private async uploadFiles(sources: readonly SourceFile[]): Promise<ManifestFile[]> {
    const files: ManifestFile[] = []
    try {
      for (const source of sources) {
        this.report({ path: source.path })
        files.push(await this.uploadFile(source))
        this.report({ filesDone: files.length })
      }
      this.report({ path: null })
      await this.packs.flush()
    } catch (error) {
      await this.packs.settle()
      throw error
    }
    await this.commitIndex()
    return files
  }

  private async uploadFile(source: SourceFile): Promise<ManifestFile> {
    const file = await OpenSourceFile.open(source)
    this.opened.push(file)
    try {
      return await this.uploadOpened(source, file)
    } finally {
      await file.close()
    }
  }

  private async uploadOpened(source: SourceFile, file: OpenSourceFile): Promise<ManifestFile> {
    const plan = await planFile(source.path, source.sizeBytes, file.readAt)
    if (plan.unreadable !== null) this.notes.push(plainBytesNote(source.path, plan.unreadable))
    const chunks: Chunk[] = []
    const { work } = this.options.origin
    const onHashed = (sha256: Sha256) => this.index.expect(sha256, this.abort)
    const hashed = new HashedChunks(file, plan.chunkSizes, { work, buffers: this.buffers, chunksConcurrent, onHashed })
    for await (const { sha256, bytes } of hashed) {
      this.options.signal?.throwIfAborted()
      chunks.push({ sha256, sizeBytes: bytes.length })
      await this.uploadChunk(sha256, bytes)
    }
    await file.checkUnchanged()
    const entry = { path: source.path, sizeBytes: source.sizeBytes, sha256: hashed.fileSha256(), chunks }
    return plan.tensors ? { ...entry, tensors: plan.tensors } : entry
  }

  private async uploadChunk(sha256: Sha256, bytes: Uint8Array): Promise<void> {
    const sizeBytes = bytes.length
    const isNew = await this.isNew(sha256, sizeBytes)
    const { doneBytes, newBytes, reusedBytes } = this.progress
    if (isNew) {
      await this.packs.add(sha256, bytes)
      this.sinceCheckpointBytes += sizeBytes
      if (this.sinceCheckpointBytes >= (this.options.checkpointBytes ?? defaultCheckpointBytes)) await this.checkpoint()
    } else this.buffers.giveBack(bytes)
    this.report({
      doneBytes: doneBytes + sizeBytes,
      newBytes: newBytes + (isNew ? sizeBytes : 0),
      reusedBytes: reusedBytes + (isNew ? 0 : sizeBytes),
    })
  }

  private async isNew(sha256: Sha256, sizeBytes: number): Promise<boolean> {
    if (this.extents.has(sha256) || this.packs.has(sha256)) return false
    const extent = await this.index.find(sha256, sizeBytes, this.abort)
    if (extent) this.extents.set(sha256, extent)
    return extent === null
  }

  private async checkpoint(): Promise<void> {
    this.sinceCheckpointBytes = 0
    await this.packs.flush()
    await this.commitIndex()
  }

  private async commitIndex(): Promise<void> {
    await this.index.commit(this.abort)
    await this.marker.forgetRecords()
  }

  private placesOf({ manifest }: EncodedManifest): Map<Sha256, Extent[]> {
    return new Map(
      manifest.files.map((file) => [file.sha256, file.chunks.map((chunk) => this.extents.get(chunk.sha256)!)] as const),
    )
  }

  private report(change: Partial<PushProgress>): void {
    this.progress = { ...this.progress, ...change }
    this.options.onProgress?.(this.progress)
  }
}
