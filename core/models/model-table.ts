/**
 * What a node knows of the models that it holds or works on: files, form, and which blobs they share. The bytes are the store's;
 * whether they are here is always asked of the store, never remembered.
 */
import { assertInvariant, type BlobId, type LocalTier, localTiers, type ModelId } from '../../common/index.ts'
import type { BlobRef, FormBlob, ModelSpec } from './types.ts'

export interface ModelRow<S extends ModelSpec = ModelSpec> {
  readonly spec: S
  /** Set by the table only. */
  readonly form: FormBlob | null
  /** Known before the runtime begins, so that no unload comes between. */
  session: 'none' | 'loading' | 'loaded'
}

export interface BlobPlaces {
  /** Whether it lies complete in the tier. */
  readonly isIn: Readonly<Record<LocalTier, boolean>>
}

export interface ModelTablePorts {
  /** Null when no byte of the blob is here. */
  blob(id: BlobId): BlobPlaces | null
  /** What the store gives out: segments have whole pages, files whole blocks of the same size. */
  readonly pageBytes: number
}

const noModels: readonly ModelId[] = []

export class ModelTable<S extends ModelSpec = ModelSpec> {
  private readonly ports: ModelTablePorts
  private readonly rows = new Map<ModelId, ModelRow<S>>()
  private readonly modelsOfFile = new Map<BlobId, readonly ModelId[]>()
  private readonly modelsOfForm = new Map<BlobId, readonly ModelId[]>()

  constructor(ports: ModelTablePorts) {
    this.ports = ports
  }

  get(model: ModelId): ModelRow<S> | null {
    return this.rows.get(model) ?? null
  }

  all(): IterableIterator<ModelRow<S>> {
    return this.rows.values()
  }

  add(spec: S, form: FormBlob | null = null): ModelRow<S> {
    const known = this.rows.get(spec.model)
    if (known !== undefined) return known
    const row: ModelRow<S> = { spec, form: null, session: 'none' }
    this.rows.set(spec.model, row)
    for (const { id } of spec.files) addTo(this.modelsOfFile, id, spec.model)
    this.setForm(row, form)
    return row
  }

  setForm(row: ModelRow<S>, form: FormBlob | null): void {
    const { model } = row.spec
    if (row.form !== null) removeFrom(this.modelsOfForm, row.form.id, model)
    if (form !== null) addTo(this.modelsOfForm, form.id, model)
    const mutable: { form: FormBlob | null } = row
    mutable.form = form
  }

  /** Forgets a model of which nothing is here any more, so that the table does not grow with all that ever was. */
  remove(model: ModelId): void {
    const row = this.rows.get(model)
    if (row === undefined) return
    this.setForm(row, null)
    for (const { id } of row.spec.files) removeFrom(this.modelsOfFile, id, model)
    this.rows.delete(model)
  }

  /** Other models that have the blob in a file, or as their form. */
  othersWith(blob: BlobId, model: ModelId): ModelId[] {
    const files = this.modelsOfFile.get(blob) ?? noModels
    const forms = this.modelsOfForm.get(blob) ?? noModels
    return [...files, ...forms.filter((other) => !files.includes(other))].filter((other) => other !== model)
  }

  /** Other models that have a blob in common with this one. */
  sharersOf(row: ModelRow<S>): Set<ModelId> {
    return new Set(this.blobsOf(row).flatMap(({ id }) => this.othersWith(id, row.spec.model)))
  }

  /** A file of a known model, as opposed to a form: only these are shown to peers. */
  isModelBlob(blob: BlobId): boolean {
    return this.modelsOfFile.has(blob)
  }

  /** Every blob of the model on this node: its files and its form, each once. */
  blobsOf({ spec, form }: ModelRow<S>): readonly BlobRef[] {
    return form === null || spec.files.some(({ id }) => id === form.id) ? spec.files : [...spec.files, form]
  }

  /** The fastest tier in which the model can be used at once: its files, or the form that the runtime runs. */
  tierOf(model: ModelId): LocalTier | null {
    const row = this.rows.get(model)
    if (row === undefined) return null
    if (this.filesIn(row, 'memory') || (row.form !== null && this.isIn(row.form, 'memory'))) return 'memory'
    return this.filesHeld(row) ? 'disk' : null
  }

  isIn({ id }: Pick<BlobRef, 'id'>, tier: LocalTier): boolean {
    return this.ports.blob(id)?.isIn[tier] === true
  }

  isHeld({ id }: Pick<BlobRef, 'id'>): boolean {
    const places = this.ports.blob(id)
    return places !== null && localTiers.some((tier) => places.isIn[tier])
  }

  /** Complete, or on its way: some byte of it takes room. */
  isKnownToStore({ id }: BlobRef): boolean {
    return this.ports.blob(id) !== null
  }

  filesIn({ spec }: ModelRow<S>, tier: LocalTier): boolean {
    return spec.files.every((blob) => this.isIn(blob, tier))
  }

  filesHeld({ spec }: ModelRow<S>): boolean {
    return spec.files.every((blob) => this.isHeld(blob))
  }

  /** Bytes that the model occupies in the tier, shared blobs counted in full. */
  bytesIn(row: ModelRow<S>, tier: LocalTier): number {
    let bytes = 0
    for (const blob of this.blobsOf(row)) if (this.isIn(blob, tier)) bytes += this.pageRounded(blob.sizeBytes)
    return bytes
  }

  /** What distinct blobs occupy together. */
  occupiedBytes(blobs: readonly BlobRef[]): number {
    return blobs.reduce((sum, { sizeBytes }) => sum + this.pageRounded(sizeBytes), 0)
  }

  checkInvariants(): void {
    for (const { spec, form } of this.rows.values()) {
      for (const { id } of spec.files) {
        assertInvariant(this.modelsOfFile.get(id)?.includes(spec.model) === true, `${spec.model} is found by its files`)
      }
      const isFound = form === null || this.modelsOfForm.get(form.id)?.includes(spec.model) === true
      assertInvariant(isFound, `${spec.model} is found by its form`)
    }
  }

  private pageRounded(sizeBytes: number): number {
    const { pageBytes } = this.ports
    return Math.ceil(sizeBytes / pageBytes) * pageBytes
  }
}

function addTo(index: Map<BlobId, readonly ModelId[]>, blob: BlobId, model: ModelId): void {
  const models = index.get(blob)
  index.set(blob, models === undefined ? [model] : [...models, model])
}

function removeFrom(index: Map<BlobId, readonly ModelId[]>, blob: BlobId, model: ModelId): void {
  const rest = index.get(blob)?.filter((other) => other !== model) ?? noModels
  if (rest.length === 0) index.delete(blob)
  else index.set(blob, rest)
}
