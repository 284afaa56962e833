/**
 * Adopt: plain files that lie in the store already become a model. They are read once, to be hashed, and not copied: the model's
 * locations name them, one extent per file.
 *
 * They stay their owner's: gc never deletes them, their chunks are not offered to pushes, and when their owner changes them
 * the model is damaged, which every reader notices.
 */
import { createHash, type KeyObject, webcrypto } from 'node:crypto'
import { HoldfastError, type ModelId, type Sha256 } from '../../common/index.ts'
import { planFile } from '../chunking/file-plan.ts'
import { readAhead } from '../concurrency.ts'
import { type FileNote, plainBytesNote } from '../files/file-rules.ts'
import { buildManifest } from '../manifest/manifest.ts'
import { defaultManifestLimits, type ManifestLimits } from '../manifest/manifest-limits.ts'
import type { Origin } from '../origin.ts'
import { parseModelName } from '../refs/model-name.ts'
import { publish } from '../refs/publish.ts'
import { RefMove } from '../refs/ref-move.ts'
import type { ObjectHead, StoreAbortOptions } from '../stores/object-store.ts'
import type { Chunk, Extent, ManifestFile, ModelName, Ref } from '../types.ts'
import { type AdoptFile, type AdoptPlace, adoptPlace, listAdoptFiles } from './adopt-source.ts'
import { PushMarker } from './push-marker.ts'

export interface AdoptOptions {
  /** A folder or file in the origin's folder, or in its bucket: `s3://bucket/path`, `file:///path`. */
  readonly from: string
  readonly name: ModelName | string
  readonly origin: Origin
  readonly annotations?: Readonly<Record<string, string>>
  /** As for push. */
  readonly publisherKey?: KeyObject
  readonly limits?: ManifestLimits
  /** Chunks read ahead: memory of as many times 8 MiB. */
  readonly chunksConcurrent?: number
  readonly onProgress?: (progress: AdoptProgress) => void
  readonly signal?: AbortSignal
}

const defaultChunksConcurrent = 4

export interface AdoptProgress {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly path: string | null
}

export interface AdoptResult {
  readonly digest: ModelId
  readonly totalBytes: number
  readonly files: number
  readonly chunks: number
  readonly ref: Ref
  readonly moved: boolean
  /** What was left out, is not kept, or is adopted as plain bytes. */
  readonly notes: readonly FileNote[]
}

/** BAD_ORIGIN_URL, BAD_REQUEST, ORIGIN_NOT_FOUND, FILE_CHANGED, FILE_DENIED, FILE_FAILED, REF_CONFLICT, BAD_MODEL_FILE, and what the origin's store throws. */
export async function adopt(options: AdoptOptions): Promise<AdoptResult> {
  return new Adoption(options).run()
}

class Adoption {
  private readonly options: AdoptOptions
  private readonly name: ModelName
  private readonly limits: ManifestLimits
  private readonly place: AdoptPlace
  private readonly abort: StoreAbortOptions
  private readonly notes: FileNote[] = []
  private doneBytes = 0
  private totalBytes = 0

  constructor(options: AdoptOptions) {
    this.options = options
    this.name = typeof options.name === 'string' ? parseModelName(options.name) : options.name
    this.limits = options.limits ?? defaultManifestLimits
    this.place = adoptPlace(options.origin.store, options.from)
    this.abort = options.signal ? { signal: options.signal } : {}
  }

  async run(): Promise<AdoptResult> {
    const { store } = this.options.origin
    const { files: sources, notes } = await listAdoptFiles(this.place, {
      filesMax: this.limits.filesMax,
      ...this.abort,
    })
    this.notes.push(...notes)
    this.totalBytes = sources.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const refMove = await RefMove.begin(store, this.name, this.abort)
    const marker = await PushMarker.begin(store, this.abort)
    try {
      const files: ManifestFile[] = []
      const places = new Map<Sha256, Extent[]>()
      const before: AdoptFile[] = []
      for (const listed of sources) {
        // A listing tells the time more finely than a head does: only heads are compared.
        const source = { ...listed, ...(await this.headOf(listed)) }
        const file = await this.describe(source)
        files.push(file)
        before.push(source)
        places.set(file.sha256, this.extentsOf(source))
      }
      for (const source of before) await this.checkUnchanged(source)
      const encoded = buildManifest(files, this.options.annotations, this.limits)
      const { publisherKey } = this.options
      const { ref, moved } = await publish({ store, encoded, places, refMove, marker, publisherKey }, this.abort)
      const chunks = files.reduce((sum, file) => sum + file.chunks.length, 0)
      const counts = { totalBytes: this.totalBytes, files: files.length, chunks }
      return { digest: encoded.digest, ...counts, ref, moved, notes: this.notes }
    } finally {
      await marker.end()
    }
  }

  private async describe(source: AdoptFile): Promise<ManifestFile> {
    const { key, path, sizeBytes } = source
    const readAt = async (offset: number, size: number): Promise<Uint8Array> => {
      const bytes = await this.place.reader.getRange(key, { offsetBytes: offset, sizeBytes: size }, this.abort)
      if (bytes?.length !== size) throw changed(source)
      return bytes
    }
    const plan = await planFile(path, sizeBytes, readAt)
    if (plan.unreadable !== null) this.notes.push(plainBytesNote(path, plan.unreadable))
    const fileHash = createHash('sha256')
    const chunks: Chunk[] = []
    let offsetBytes = 0
    const reads = plan.chunkSizes.map((chunkBytes) => {
      const from = offsetBytes
      offsetBytes += chunkBytes
      return () => readAt(from, chunkBytes)
    })
    for await (const bytes of readAhead(reads, this.options.chunksConcurrent ?? defaultChunksConcurrent)) {
      this.options.signal?.throwIfAborted()
      const hashing = webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
      fileHash.update(bytes)
      chunks.push({ sha256: Buffer.from(await hashing).toString('hex'), sizeBytes: bytes.length })
      this.doneBytes += bytes.length
      this.options.onProgress?.({ doneBytes: this.doneBytes, totalBytes: this.totalBytes, path })
    }
    const entry = { path, sizeBytes, sha256: fileHash.digest('hex'), chunks }
    return plan.tensors ? { ...entry, tensors: plan.tensors } : entry
  }

  private extentsOf({ key, sizeBytes }: AdoptFile): Extent[] {
    return sizeBytes === 0 ? [] : [{ object: key, offsetBytes: 0, sizeBytes, ...this.place.base }]
  }

  /** An owner who writes meanwhile would give a model that nobody can pull. */
  private async checkUnchanged(source: AdoptFile): Promise<void> {
    const head = await this.headOf(source)
    if (head.modifiedMs !== source.modifiedMs) throw changed(source)
  }

  private async headOf(source: AdoptFile): Promise<ObjectHead> {
    const head = await this.place.reader.head(source.key, this.abort)
    if (head?.sizeBytes !== source.sizeBytes) throw changed(source)
    return head
  }
}

function changed({ path }: AdoptFile): HoldfastError {
  return new HoldfastError(
    'FILE_CHANGED',
    `${path} changed while it was adopted. Adopt again when nothing writes to it.`,
    { details: { path } },
  )
}
