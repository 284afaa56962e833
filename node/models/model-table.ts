/**
 * What this node knows of models it holds or held: manifest, derived form, and which blobs and chunks they share. The bytes are
 * the store's; whether they are here is always asked of the store, never remembered.
 */

import { type LocalTier, localTiers, type ModelId, type Sha256 } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { Manifest } from '../../origin/index.ts'

/** A blob made here from a model's files, in the form that the runtime runs in place; good for one fingerprint only. */
export interface DerivedBlob {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly fingerprint: string
}

export interface ModelRow {
  readonly model: ModelId
  readonly manifest: Manifest
  derived: DerivedBlob | null
}

interface ChunkPlace {
  readonly blob: Sha256
  readonly offsetBytes: number
}

export class ModelTable {
  private readonly store: Store
  private readonly rows = new Map<ModelId, ModelRow>()
  private readonly modelsOfBlob = new Map<Sha256, Set<ModelId>>()
  private readonly placesOfChunk = new Map<Sha256, ChunkPlace[]>()

  constructor(store: Store) {
    this.store = store
  }

  get(model: ModelId): ModelRow | null {
    return this.rows.get(model) ?? null
  }

  all(): IterableIterator<ModelRow> {
    return this.rows.values()
  }

  add(model: ModelId, manifest: Manifest, derived: DerivedBlob | null = null): ModelRow {
    const known = this.rows.get(model)
    if (known !== undefined) return known
    const row: ModelRow = { model, manifest, derived }
    this.rows.set(model, row)
    for (const file of manifest.files) {
      const models = this.modelsOfBlob.get(file.sha256)
      if (models !== undefined) {
        models.add(model)
        continue // The chunks of a blob are those of its first manifest; all manifests of a blob were cut from the same bytes.
      }
      this.modelsOfBlob.set(file.sha256, new Set([model]))
      let offsetBytes = 0
      for (const chunk of file.chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)
        const place = { blob: file.sha256, offsetBytes }
        if (places === undefined) this.placesOfChunk.set(chunk.sha256, [place])
        else places.push(place)
        offsetBytes += chunk.sizeBytes
      }
    }
    return row
  }

  /** Forgets a model of which nothing is here any more, so that the table does not grow with all that ever was. */
  remove(model: ModelId): void {
    const row = this.rows.get(model)
    if (row === undefined) return
    this.rows.delete(model)
    for (const { sha256, chunks } of row.manifest.files) {
      const models = this.modelsOfBlob.get(sha256)
      if (models === undefined || !models.delete(model) || models.size > 0) continue
      this.modelsOfBlob.delete(sha256)
      for (const chunk of chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)?.filter(({ blob }) => blob !== sha256) ?? []
        if (places.length === 0) this.placesOfChunk.delete(chunk.sha256)
        else this.placesOfChunk.set(chunk.sha256, places)
      }
    }
  }

  /** Other models that have the blob in a file, or as their derived form. */
  othersWith(blob: Sha256, model: ModelId): ModelId[] {
    const others = new Set(this.modelsOfBlob.get(blob))
    for (const row of this.rows.values()) if (row.derived?.sha256 === blob) others.add(row.model)
    others.delete(model)
    return [...others]
  }

  /** A held blob that contains the chunk, or null. */
  findLocalChunk(chunk: Sha256): ChunkPlace | null {
    return this.placesOfChunk.get(chunk)?.find(({ blob }) => this.isHeld(blob)) ?? null
  }

  /** A file of a known model, as opposed to a derived blob: only these are shown to peers. */
  isModelBlob(blob: Sha256): boolean {
    return this.modelsOfBlob.has(blob)
  }

  /** The fastest tier in which the model can be used at once: its files, or the form that the runtime runs. */
  tierOf(model: ModelId): LocalTier | null {
    const row = this.rows.get(model)
    if (row === undefined) return null
    if (this.filesInMemory(row) || this.derivedInMemory(row)) return 'memory'
    return this.filesHeld(row) ? 'disk' : null
  }

  filesInMemory(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.store.blob(sha256)?.isIn.memory === true)
  }

  filesOnDisk(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.store.blob(sha256)?.isIn.disk === true)
  }

  filesHeld(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.isHeld(sha256))
  }

  derivedInMemory(row: ModelRow): boolean {
    return row.derived !== null && this.store.blob(row.derived.sha256)?.isIn.memory === true
  }

  /** Bytes that the model occupies in the tier, shared blobs counted in full. */
  bytesIn(row: ModelRow, tier: LocalTier): number {
    return blobsOf(row)
      .filter(({ sha256 }) => this.store.blob(sha256)?.isIn[tier] === true)
      .reduce((sum, { sizeBytes }) => sum + pageRounded(sizeBytes), 0)
  }

  private isHeld(blob: Sha256): boolean {
    const state = this.store.blob(blob)
    return state !== null && localTiers.some((tier) => state.isIn[tier])
  }
}

const pageBytes = 4096

/** What a blob occupies: segments have whole pages, files whole blocks of the same size. */
export function pageRounded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / pageBytes) * pageBytes
}

/** What blobs occupy together, each counted once. */
export function occupiedBytes(blobs: readonly { readonly sha256: Sha256; readonly sizeBytes: number }[]): number {
  return distinctBlobs(blobs).reduce((sum, { sizeBytes }) => sum + pageRounded(sizeBytes), 0)
}

/** Files of a model may be equal; their blob is one. */
export function distinctBlobs<T extends { readonly sha256: Sha256 }>(blobs: readonly T[]): T[] {
  return [...new Map(blobs.map((blob) => [blob.sha256, blob])).values()]
}

/** Every blob of the model on this node: its files and its derived form, each once. */
export function blobsOf({ manifest, derived }: ModelRow): { readonly sha256: Sha256; readonly sizeBytes: number }[] {
  return distinctBlobs(derived === null ? [...manifest.files] : [...manifest.files, derived])
}
