/**
 * What this node knows of models it holds or held: manifest, derived form, and which blobs and chunks they share. The bytes are
 * the store's; whether they are here is always asked of the store, never remembered.
 */

import type { Store } from '../../native/types.ts'
import type { Manifest } from '../../origin/index.ts'
import type { ModelId, Sha256, Tier } from '../../placement/types.ts'

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

  /** Other models that have the blob in a file. */
  othersWithBlob(blob: Sha256, model: ModelId): ModelId[] {
    return [...(this.modelsOfBlob.get(blob) ?? [])].filter((other) => other !== model)
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
  tierOf(model: ModelId): Tier | null {
    const row = this.rows.get(model)
    if (row === undefined) return null
    if (this.filesInMemory(row) || this.derivedInMemory(row)) return 'memory'
    return this.filesHeld(row) ? 'disk' : null
  }

  filesInMemory(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.store.blob(sha256)?.inMemory === true)
  }

  filesOnDisk(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.store.blob(sha256)?.onDisk === true)
  }

  filesHeld(row: ModelRow): boolean {
    return row.manifest.files.every(({ sha256 }) => this.isHeld(sha256))
  }

  derivedInMemory(row: ModelRow): boolean {
    return row.derived !== null && this.store.blob(row.derived.sha256)?.inMemory === true
  }

  /** Bytes that the model occupies in memory, page-rounded, shared blobs counted in full. */
  memoryBytesOf(row: ModelRow): number {
    return this.sumOver(row, (blob) => this.store.blob(blob)?.inMemory === true, pageRounded)
  }

  diskBytesOf(row: ModelRow): number {
    return this.sumOver(
      row,
      (blob) => this.store.blob(blob)?.onDisk === true,
      (sizeBytes) => sizeBytes,
    )
  }

  private sumOver(row: ModelRow, counts: (blob: Sha256) => boolean, size: (sizeBytes: number) => number): number {
    let sum = 0
    const seen = new Set<Sha256>()
    for (const { sha256, sizeBytes } of row.derived === null
      ? row.manifest.files
      : [...row.manifest.files, row.derived]) {
      if (seen.has(sha256) || !counts(sha256)) continue
      seen.add(sha256)
      sum += size(sizeBytes)
    }
    return sum
  }

  private isHeld(blob: Sha256): boolean {
    const state = this.store.blob(blob)
    return state !== null && (state.inMemory || state.onDisk)
  }
}

const pageBytes = 4096

/** Segments occupy whole pages. */
export function pageRounded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / pageBytes) * pageBytes
}

export function sizeBytesOf(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)
}
