/**
 * The origin as a node sees it: names become manifests, and ranges of files become bytes, wherever the objects lie.
 *
 * Manifests are checked against their digest and refs against their signature. Bytes of files are not verified here: who
 * asks knows which chunk it expects and hashes it anyway.
 */

import type { FileHandle } from 'node:fs/promises'
import { HoldfastError, type ModelId, type Sha256 } from '../common/index.ts'
import type { FileWork } from '../native/index.ts'
import { nodeFileWork } from './bytes/node-file-work.ts'
import { allEnded, readAhead } from './concurrency.ts'
import { checkLocations, parseLocations, sliceExtents } from './manifest/locations.ts'
import { parseManifestOf } from './manifest/manifest.ts'
import { defaultManifestLimits, type ManifestLimits } from './manifest/manifest-limits.ts'
import { formatDigest, formatModelName, parseModelName, parseModelReference } from './refs/model-name.ts'
import { nameOfRefKey, parseRef, refBytesMax, refKey } from './refs/ref.ts'
import { locationsKey, manifestKey } from './stores/object-key.ts'
import type { ObjectReader, ObjectStore, StoreAbortOptions } from './stores/object-store.ts'
import type { Extent, Locations, Manifest, ModelName, Ref } from './types.ts'

export interface OriginOptions {
  readonly limits: ManifestLimits
  /** Models whose locations are kept in memory: those being fetched now. A record is some 100 bytes per extent. */
  readonly cachedLocationsMax: number
  /** Requests that one range may cost. A chunk lies in one or two extents; a record that says otherwise is a flood. */
  readonly extentsPerRangeMax: number
  /** Refs read at one time when all are listed: a request to a bucket takes some 30 ms, whatever it brings. */
  readonly refsConcurrent: number
  /** Reads, hashes and writes files. Native threads are several times as fast as Node, where the native part is built. */
  readonly work: FileWork
}

export const defaultOriginOptions: OriginOptions = {
  limits: defaultManifestLimits,
  cachedLocationsMax: 64,
  extentsPerRangeMax: 256,
  refsConcurrent: 32,
  work: nodeFileWork,
}

export interface ResolvedModel {
  readonly ref: Ref
  readonly manifest: Manifest
}

export interface ListedModel {
  readonly name: ModelName
  /** null when the record is malformed or its signature is wrong. */
  readonly ref: Ref | null
}

/** A range of a file of a model, as a part of an open file of this machine. */
export interface OpenRange {
  /** The caller closes it. */
  readonly handle: FileHandle
  readonly offsetBytes: number
  /** What to throw when the file ends before the range does. */
  readonly truncated: () => HoldfastError
}

interface FileRangeOf {
  readonly model: ModelId
  readonly file: Sha256
  readonly offsetBytes: number
  readonly sizeBytes: number
}

type Places = ReadonlyMap<Sha256, readonly Extent[]>

export class Origin {
  readonly store: ObjectStore
  private readonly options: OriginOptions
  /** Insertion order is age: the first is the one to drop. Holds promises, so that concurrent readers share one request. */
  private readonly placesByModel = new Map<ModelId, Promise<Places>>()

  constructor(store: ObjectStore, options: Partial<OriginOptions> = {}) {
    this.store = store
    this.options = { ...defaultOriginOptions, ...options }
  }

  get work(): FileWork {
    return this.options.work
  }

  get url(): string {
    return this.store.url
  }

  /** UNKNOWN_MODEL when there is no such tag, BAD_REF, BAD_MANIFEST, DIGEST_MISMATCH. */
  async resolve(name: ModelName | string, options: StoreAbortOptions = {}): Promise<ResolvedModel> {
    const parsed = typeof name === 'string' ? parseModelName(name) : name
    const ref = await this.resolveRef(parsed, options)
    return { ref, manifest: await this.readManifest(ref.manifest, options) }
  }

  /** As readRef; UNKNOWN_MODEL when there is no such tag. */
  async resolveRef(name: ModelName, options: StoreAbortOptions = {}): Promise<Ref> {
    const ref = await this.readRef(name, options)
    if (ref) return ref
    const model = formatModelName(name)
    throw new HoldfastError(
      'UNKNOWN_MODEL',
      `The origin ${this.url} has no model ${model}. See what it has with holdfast ls --origin ${this.url}.`,
      { details: { model } },
    )
  }

  /** As resolve, of what a user may write: `sha256:<digest>` needs no ref. */
  async resolveReference(
    text: string,
    options: StoreAbortOptions = {},
  ): Promise<{ digest: ModelId; ref: Ref | null; manifest: Manifest }> {
    const reference = parseModelReference(text)
    if (reference.kind === 'digest') {
      const { digest } = reference
      return { digest, ref: null, manifest: await this.readManifest(digest, options) }
    }
    const { ref, manifest } = await this.resolve(reference.name, options)
    return { digest: ref.manifest, ref, manifest }
  }

  async readRef(name: ModelName, options: StoreAbortOptions = {}): Promise<Ref | null> {
    const found = await this.store.get(refKey(name), { ...options, sizeBytesMax: refBytesMax })
    return found && parseRef(found.bytes, name)
  }

  /** ORIGIN_NOT_FOUND when there is none, DIGEST_MISMATCH when it is another, BAD_MANIFEST when it is hostile. */
  async readManifest(digest: ModelId, options: StoreAbortOptions = {}): Promise<Manifest> {
    return parseManifestOf(digest, await this.readManifestBytes(digest, options), this.options.limits)
  }

  /** As they lie there, unchecked, and no more than one byte beyond the limit. ORIGIN_NOT_FOUND when there are none. */
  async readManifestBytes(digest: ModelId, options: StoreAbortOptions = {}): Promise<Uint8Array> {
    return this.readRecord(manifestKey(digest), `The manifest ${formatDigest(digest)}`, options)
  }

  async readLocations(digest: ModelId, options: StoreAbortOptions = {}): Promise<Locations> {
    const bytes = await this.readRecord(
      locationsKey(digest),
      `The locations record of ${formatDigest(digest)}`,
      options,
    )
    return parseLocations(bytes, this.options.limits)
  }

  /**
   * Exactly `sizeBytes` bytes from `offsetBytes` of a file of the model. ORIGIN_NOT_FOUND when the file or an object of it
   * is not there, DIGEST_MISMATCH when an object is too short to hold what it should.
   */
  async readRange(
    model: ModelId,
    file: Sha256,
    range: { readonly offsetBytes: number; readonly sizeBytes: number },
    options: StoreAbortOptions = {},
  ): Promise<Uint8Array> {
    return this.inPlaces({ model, file, ...range }, options, (extents) => this.readExtents(extents, options))
  }

  /** As readRange, into memory of the caller: all of `target` from `offsetBytes` of the file. */
  async readInto(
    model: ModelId,
    file: Sha256,
    offsetBytes: number,
    target: Uint8Array,
    options: StoreAbortOptions = {},
  ): Promise<void> {
    const range = { model, file, offsetBytes, sizeBytes: target.length }
    await this.inPlaces(range, options, (extents) => this.readExtentsInto(extents, target, options))
  }

  /** Null where the store is not a folder of this machine, or the range lies in several objects. Fails as readRange does. */
  async openRange(
    model: ModelId,
    file: Sha256,
    range: { readonly offsetBytes: number; readonly sizeBytes: number },
    options: StoreAbortOptions = {},
  ): Promise<OpenRange | null> {
    if (this.store.openObject === undefined) return null
    return this.inPlaces({ model, file, ...range }, options, async (extents) => {
      const [extent] = extents
      if (extents.length !== 1 || extent === undefined) return null
      const reader = this.readerOf(extent)
      const handle = await reader.openObject?.(extent.object, options)
      if (handle === null) throw this.lost(extent)
      if (handle === undefined) return null
      return { handle, offsetBytes: extent.offsetBytes, truncated: () => this.truncated(extent) }
    })
  }

  /** Where the bytes of a file lie, in file order. */
  async extentsOf(model: ModelId, file: Sha256, options: StoreAbortOptions = {}): Promise<readonly Extent[]> {
    return this.extentsIn(await this.places(model, options), model, file)
  }

  /** Every tag of every model, in the order of the listing: one listing, and one read per tag, several of them at a time. */
  async *listModels(options: StoreAbortOptions = {}): AsyncGenerator<ListedModel> {
    const names: ModelName[] = []
    for await (const { key } of this.store.list('refs/', options)) {
      const name = nameOfRefKey(key)
      if (name) names.push(name)
    }
    const reads = names.map((name) => () => this.listed(name, options))
    // A ref that was removed since the listing is not there.
    for await (const model of readAhead(reads, this.options.refsConcurrent)) if (model) yield model
  }

  private async listed(name: ModelName, options: StoreAbortOptions): Promise<ListedModel | null> {
    try {
      const ref = await this.readRef(name, options)
      return ref && { name, ref }
    } catch (error) {
      if (!(error instanceof HoldfastError && ['BAD_REF', 'REQUEST_TOO_LARGE'].includes(error.code))) throw error
      return { name, ref: null }
    }
  }

  private async readRecord(key: string, what: string, options: StoreAbortOptions): Promise<Uint8Array> {
    // One byte more than allowed, so that the parser sees that there is more, and nobody can make us read it all.
    const sizeBytes = this.options.limits.manifestBytesMax + 1
    const bytes = await this.store.getRange(key, { offsetBytes: 0, sizeBytes }, options)
    if (bytes) return bytes
    throw new HoldfastError(
      'ORIGIN_NOT_FOUND',
      `${what} is not in the origin ${this.url} (${key}). Push the model again.`,
      {
        details: { object: key },
      },
    )
  }

  private async inPlaces<T>(
    range: FileRangeOf,
    options: StoreAbortOptions,
    work: (extents: readonly Extent[]) => Promise<T>,
  ): Promise<T> {
    const places = await this.places(range.model, options)
    try {
      return await work(this.slice(places, range))
    } catch (error) {
      // The objects may have been rewritten since the record was read: one more look at where things lie now.
      if (!(error instanceof HoldfastError && error.code === 'ORIGIN_NOT_FOUND')) throw error
      this.placesByModel.delete(range.model)
      const newPlaces = await this.places(range.model, options)
      return work(this.slice(newPlaces, range))
    }
  }

  private extentsIn(places: Places, model: ModelId, file: Sha256): readonly Extent[] {
    const extents = places.get(file)
    if (extents) return extents
    const text = `The model ${formatDigest(model)} has no file with the sha256 ${file}.`
    throw new HoldfastError('ORIGIN_NOT_FOUND', text, { details: { model, file } })
  }

  private slice(places: Places, range: FileRangeOf): Extent[] {
    const { model, file } = range
    const extents = this.extentsIn(places, model, file)
    const slices = sliceExtents(extents, range.offsetBytes, range.sizeBytes)
    if (slices.length > this.options.extentsPerRangeMax) {
      throw new HoldfastError(
        'BAD_MANIFEST',
        `The locations record of ${formatDigest(model)} splits ${range.sizeBytes} bytes into ${slices.length} extents, ` +
          `at most ${this.options.extentsPerRangeMax} are read. Push the model again.`,
      )
    }
    const sizeBytes = slices.reduce((sum, slice) => sum + slice.sizeBytes, 0)
    if (sizeBytes === range.sizeBytes) return slices
    throw new HoldfastError(
      'BAD_REQUEST',
      `The range of ${range.sizeBytes} bytes from ${range.offsetBytes} is not inside the file with the sha256 ${file}.`,
    )
  }

  private async readExtents(extents: readonly Extent[], options: StoreAbortOptions): Promise<Uint8Array> {
    const parts = await Promise.all(extents.map((extent) => this.readExtent(extent, options)))
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  private async readExtentsInto(extents: readonly Extent[], target: Uint8Array, options: StoreAbortOptions) {
    let offsetBytes = 0
    const reads = extents.map((extent) => {
      const part = target.subarray(offsetBytes, offsetBytes + extent.sizeBytes)
      offsetBytes += extent.sizeBytes
      return this.readExtentInto(extent, part, options)
    })
    await allEnded(reads)
  }

  private async readExtentInto(extent: Extent, target: Uint8Array, options: StoreAbortOptions): Promise<void> {
    const reader = this.readerOf(extent)
    if (reader.readInto === undefined) return target.set(await this.readExtent(extent, options))
    const readBytes = await reader.readInto(extent.object, extent.offsetBytes, target, options)
    if (readBytes === null) throw this.lost(extent)
    if (readBytes < target.length) throw this.truncated(extent, readBytes)
  }

  private async readExtent(extent: Extent, options: StoreAbortOptions): Promise<Uint8Array> {
    const bytes = await this.readerOf(extent).getRange(extent.object, extent, options)
    if (!bytes) throw this.lost(extent)
    if (bytes.length === extent.sizeBytes) return bytes
    throw this.truncated(extent, bytes.length)
  }

  private lost({ object }: Extent): HoldfastError {
    return new HoldfastError(
      'ORIGIN_NOT_FOUND',
      `The origin ${this.url} has lost the object ${object}. Push the model again.`,
      { details: { object } },
    )
  }

  private truncated({ object, offsetBytes, sizeBytes }: Extent, readBytes?: number): HoldfastError {
    const found = readBytes === undefined ? 'fewer' : String(readBytes)
    return new HoldfastError(
      'DIGEST_MISMATCH',
      `The object ${object} in the origin ${this.url} is truncated: of ${sizeBytes} bytes from ${offsetBytes} ` +
        `it has ${found}. Push the model again.`,
      { details: { object } },
    )
  }

  /** An adopted file may lie outside of the prefix, never outside of the bucket. Its readers hash it, like everything else. */
  private readerOf(extent: Extent): ObjectReader {
    const reader = extent.base === undefined ? this.store : this.store.bucket
    if (reader) return reader
    throw new HoldfastError(
      'BAD_MANIFEST',
      `The locations record names ${extent.object} in a bucket around the origin ${this.url}, which has none. Push the model again.`,
    )
  }

  private async places(model: ModelId, options: StoreAbortOptions): Promise<Places> {
    const cached = this.placesByModel.get(model)
    if (cached) return cached
    // Not under the caller's signal: others may wait for the same record, and one that gives up must not fail them.
    const loading = this.loadPlaces(model)
    this.placesByModel.set(model, loading)
    if (this.placesByModel.size > this.options.cachedLocationsMax) {
      this.placesByModel.delete(this.placesByModel.keys().next().value!)
    }
    loading.catch(() => {
      // A failure is told to those who wait, and not remembered.
      if (this.placesByModel.get(model) === loading) this.placesByModel.delete(model)
    })
    const places = await loading
    options.signal?.throwIfAborted()
    return places
  }

  private async loadPlaces(model: ModelId): Promise<Places> {
    const [manifest, locations] = await Promise.all([this.readManifest(model), this.readLocations(model)])
    checkLocations(locations, manifest)
    return new Map(locations.files.map((file) => [file.sha256, file.extents]))
  }
}
