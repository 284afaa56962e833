/** The models of this node with their manifests, over the native store; knows besides where chunks lie among the blobs it holds. */
import type { BlobId, ModelId, Sha256 } from '../../common/index.ts'
import {
  type BlobRef,
  ModelTable as CoreModelTable,
  type FormBlob,
  type ModelSpec,
  type ModelRow as Row,
} from '../../core/index.ts'
import type { Cut, Store } from '../../native/index.ts'
import { baseOf, blobIdOf, type Manifest, manifestSizeBytes } from '../../origin/index.ts'
import type { StoredChunk } from '../ports/index.ts'
import { cutOf, formCut } from './blob-files.ts'

export interface HeldSpec extends ModelSpec {
  readonly manifest: Manifest
}

export type ModelRow = Row<HeldSpec>

interface ChunkPlace extends StoredChunk {
  readonly sizeBytes: number
}

/** What of a ChunkRequest says where its bytes are. */
interface ServedChunk {
  readonly blob: BlobId | null
  readonly chunk: Sha256
  readonly offsetBytes: number
}

/** What a manifest states of a file. The blob id does not prove the sha256; only who hashes the whole file knows it. */
export interface StatedFile {
  readonly model: ModelId
  readonly path: string
  readonly sha256: Sha256
}

export interface BlobFacts {
  readonly cut: Cut
  readonly stated: readonly StatedFile[]
}

/** A chunk of a model that is one of another model too. */
export interface BorrowedChunk {
  readonly file: Sha256
  readonly sha256: Sha256
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** Of shared memory and of the disk's blocks. */
const pageBytes = 4096

export class ModelTable extends CoreModelTable<HeldSpec> {
  private readonly placesOfChunk = new Map<Sha256, ChunkPlace[]>()

  constructor(store: Pick<Store, 'blob'>) {
    super({ blob: (id) => store.blob(id), pageBytes })
  }

  override add(spec: HeldSpec, form: FormBlob | null = null): ModelRow {
    for (const file of spec.manifest.files) {
      const { chunks } = file
      const id = blobIdOf(file)
      if (this.isModelBlob(id)) continue
      let offsetBytes = 0
      for (const chunk of chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)
        const place = { blob: id, offsetBytes, sizeBytes: chunk.sizeBytes }
        if (places === undefined) this.placesOfChunk.set(chunk.sha256, [place])
        else if (!places.some(({ blob, offsetBytes: at }) => blob === id && at === place.offsetBytes))
          places.push(place)
        offsetBytes += chunk.sizeBytes
      }
    }
    return super.add(spec, form)
  }

  override remove(model: ModelId): void {
    const files = this.get(model)?.spec.manifest.files ?? []
    super.remove(model)
    for (const file of files) {
      const { chunks } = file
      const id = blobIdOf(file)
      if (this.isModelBlob(id)) continue
      for (const chunk of chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)?.filter(({ blob }) => blob !== id) ?? []
        if (places.length === 0) this.placesOfChunk.delete(chunk.sha256)
        else this.placesOfChunk.set(chunk.sha256, places)
      }
    }
  }

  /** A held blob that contains the chunk, or null. */
  findLocalChunk(chunk: Sha256): StoredChunk | null {
    const held = this.placesOfChunk.get(chunk)?.find(({ blob }) => this.isHeld({ id: blob }))
    return held === undefined ? null : storedAt(held)
  }

  /** The chunks of the model that other models here have too. The same files with another entry are no other model. */
  borrowedChunks({ model, manifest }: HeldSpec): BorrowedChunk[] {
    const base = baseOf(model, manifest)
    const isOthers = (blob: BlobId) =>
      this.othersWith(blob, model).some((other) => baseOf(other, this.get(other)!.spec.manifest) !== base)
    const borrowed: BorrowedChunk[] = []
    for (const file of manifest.files) {
      const isShared = isOthers(blobIdOf(file))
      let offsetBytes = 0
      for (const { sha256, sizeBytes } of file.chunks) {
        const isBorrowed = isShared || this.placesOfChunk.get(sha256)?.some(({ blob }) => isOthers(blob))
        if (isBorrowed) borrowed.push({ file: file.sha256, sha256, offsetBytes, sizeBytes })
        offsetBytes += sizeBytes
      }
    }
    return borrowed
  }

  /**
   * Where the bytes of a peer's request may lie. Forms lie nowhere: no manifest speaks for them. A node of before the blob id names the file
   * by what its manifest states, which proves nothing; the digest of the chunk says where its bytes are, in a whole blob or in one on its way.
   */
  placesToServe({ blob, chunk, offsetBytes }: ServedChunk): readonly StoredChunk[] {
    if (blob !== null) return this.isModelBlob(blob) ? [{ blob, offsetBytes }] : []
    const held = this.findLocalChunk(chunk)
    const places = held === null ? (this.placesOfChunk.get(chunk) ?? []) : [held]
    return places.map(storedAt)
  }

  /** Whether a manifest here says so. */
  isChunkAt(
    { chunk, sizeBytes }: { readonly chunk: Sha256; readonly sizeBytes: number },
    { blob, offsetBytes }: StoredChunk,
  ): boolean {
    const places = this.placesOfChunk.get(chunk) ?? []
    return places.some((at) => at.blob === blob && at.offsetBytes === offsetBytes && at.sizeBytes === sizeBytes)
  }

  /** All blobs of the models here, with what is known of their bytes. */
  blobFacts(): Map<BlobId, BlobFacts> {
    const facts = new Map<BlobId, { cut: Cut; stated: StatedFile[] }>()
    for (const { spec, form } of this.all()) {
      const { model, manifest } = spec
      for (const file of manifest.files) {
        const id = blobIdOf(file)
        const stated = { model, path: file.path, sha256: file.sha256 }
        const known = facts.get(id)
        if (known === undefined) facts.set(id, { cut: cutOf(file), stated: [stated] })
        else known.stated.push(stated)
      }
      if (form !== null && !facts.has(form.id)) facts.set(form.id, { cut: formCut(form.sizeBytes), stated: [] })
    }
    return facts
  }
}

function storedAt({ blob, offsetBytes }: StoredChunk): StoredChunk {
  return { blob, offsetBytes }
}

const specs = new WeakMap<Manifest, HeldSpec>()

/** @param model the digest of the manifest. */
export function specOf(model: ModelId, manifest: Manifest): HeldSpec {
  const known = specs.get(manifest)
  if (known !== undefined) return known
  // Files of a model may be equal; their blob is one.
  const files = [
    ...new Map(
      manifest.files.map((file): [BlobId, BlobRef] => [
        blobIdOf(file),
        { id: blobIdOf(file), sizeBytes: file.sizeBytes },
      ]),
    ).values(),
  ]
  const spec: HeldSpec = { model, files, sizeBytes: manifestSizeBytes(manifest), runs: 'form', manifest }
  specs.set(manifest, spec)
  return spec
}
