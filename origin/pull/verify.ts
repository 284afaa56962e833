/**
 * Reads every file of a model, or of all, from the origin and hashes it against the manifest, chunk by chunk and as a whole.
 * Bad ones are named with the object and the place in it; nothing is changed.
 */
import { createHash, webcrypto } from 'node:crypto'
import { HoldfastError, type ModelId } from '../../common/index.ts'
import { readAhead } from '../concurrency.ts'
import { sliceExtents } from '../manifest/locations.ts'
import { manifestSizeBytes } from '../manifest/manifest.ts'
import type { Origin } from '../origin.ts'
import { formatModelName, parseModelReference } from '../refs/model-name.ts'
import type { StoreAbortOptions } from '../stores/object-store.ts'
import type { Extent, Manifest, ManifestFile } from '../types.ts'
import { isDamage } from './damage.ts'

export interface VerifyOptions {
  readonly origin: Origin
  /** `namespace/name[:tag]` or `sha256:<digest>`; all models when left out. */
  readonly name?: string
  /** Chunks read ahead: memory of as many times 8 MiB. */
  readonly chunksConcurrent?: number
  readonly onProgress?: (progress: { doneBytes: number; totalBytes: number; path: string | null }) => void
  readonly signal?: AbortSignal
}

const defaultChunksConcurrent = 4

export interface BadPlace {
  /** The name, or sha256:<digest> when that was asked for. */
  readonly model: string
  /** null when the model's records are what is bad. */
  readonly path: string | null
  readonly offsetBytes: number
  readonly sizeBytes: number
  /** Where the bytes lie, as far as it is known. */
  readonly objects: readonly string[]
  /** Code and message. */
  readonly code: string
  readonly problem: string
}

export interface VerifyResult {
  readonly models: number
  readonly files: number
  readonly bytes: number
  readonly bad: readonly BadPlace[]
}

/** UNKNOWN_MODEL for a name that is not there, and what the origin's store throws; damage is a result. */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  return new Verification(options).run()
}

interface Model {
  readonly text: string
  readonly digest: ModelId
  readonly manifest: Manifest
  readonly extents: ReadonlyMap<string, readonly Extent[]>
}

class Verification {
  private readonly options: VerifyOptions
  private readonly abort: StoreAbortOptions
  private readonly bad: BadPlace[] = []
  /** Files that were read, by digest and place: models share them. */
  private readonly read = new Set<string>()
  private models = 0
  private files = 0
  private doneBytes = 0
  private totalBytes = 0

  constructor(options: VerifyOptions) {
    this.options = options
    this.abort = options.signal ? { signal: options.signal } : {}
  }

  async run(): Promise<VerifyResult> {
    const models: Model[] = []
    for await (const [text, digest] of this.wanted()) {
      this.models++
      const model = await this.load(text, digest)
      if (model) models.push(model)
    }
    this.totalBytes = models.reduce((sum, { manifest }) => sum + manifestSizeBytes(manifest), 0)
    for (const model of models) {
      for (const file of model.manifest.files) await this.verifyFile(model, file)
    }
    return { models: this.models, files: this.files, bytes: this.doneBytes, bad: this.bad }
  }

  private async *wanted(): AsyncGenerator<[string, ModelId]> {
    const { origin, name } = this.options
    if (name !== undefined) {
      const reference = parseModelReference(name)
      if (reference.kind === 'digest') return yield [name, reference.digest]
      const ref = await origin.readRef(reference.name, this.abort)
      if (ref) return yield [formatModelName(reference.name), ref.manifest]
      await origin.resolve(reference.name, this.abort) // Throws UNKNOWN_MODEL.
    }
    for await (const { name: found, ref } of origin.listModels(this.abort)) {
      const text = formatModelName(found)
      if (ref) yield [text, ref.manifest]
      else this.addBad({ model: text, code: 'BAD_REF', problem: 'The ref is malformed or its signature is wrong.' })
    }
  }

  private async load(text: string, digest: ModelId): Promise<Model | null> {
    const { origin } = this.options
    try {
      const manifest = await origin.readManifest(digest, this.abort)
      const locations = await origin.readLocations(digest, this.abort)
      return {
        text,
        digest,
        manifest,
        extents: new Map(locations.files.map(({ sha256, extents }) => [sha256, extents])),
      }
    } catch (error) {
      this.addError(error, { model: text })
      return null
    }
  }

  private async verifyFile(model: Model, file: ManifestFile): Promise<void> {
    this.files++
    const extents = model.extents.get(file.sha256) ?? []
    const place = `${file.sha256} ${JSON.stringify(extents)}`
    if (this.read.has(place)) return this.progress(file, file.sizeBytes)
    this.read.add(place)
    const fileHash = createHash('sha256')
    const badBefore = this.bad.length
    let offsetBytes = 0
    const chunks = file.chunks.map((chunk) => {
      const range = { offsetBytes, sizeBytes: chunk.sizeBytes }
      offsetBytes += chunk.sizeBytes
      return {
        chunk,
        range,
        where: { model: model.text, path: file.path, ...range, objects: objectsOf(extents, range) },
      }
    })
    const reads = chunks.map(({ range, chunk, where }) => async () => {
      try {
        const bytes = await this.options.origin.readRange(model.digest, file.sha256, range, this.abort)
        const digest = await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
        const actual = Buffer.from(digest).toString('hex')
        if (actual === chunk.sha256) return bytes
        throw new HoldfastError('DIGEST_MISMATCH', `The bytes have the sha256 ${actual}, not ${chunk.sha256}.`)
      } catch (error) {
        this.addError(error, where)
        return null
      }
    })
    for await (const bytes of readAhead(reads, this.options.chunksConcurrent ?? defaultChunksConcurrent)) {
      if (bytes) fileHash.update(bytes)
      this.progress(file, bytes?.length ?? 0)
    }
    if (this.bad.length > badBefore || fileHash.digest('hex') === file.sha256) return
    const problem = 'The chunks are those of the manifest, but together they are not the file.'
    const objects = objectsOf(extents, { offsetBytes: 0, sizeBytes: file.sizeBytes })
    this.addBad({
      model: model.text,
      path: file.path,
      sizeBytes: file.sizeBytes,
      objects,
      code: 'DIGEST_MISMATCH',
      problem,
    })
  }

  private addError(error: unknown, where: Partial<BadPlace> & { model: string }): void {
    if (!(error instanceof HoldfastError && isDamage(error))) throw error
    this.addBad({ ...where, code: error.code, problem: error.message })
  }

  private addBad(place: Partial<BadPlace> & { model: string; code: string; problem: string }): void {
    this.bad.push({ path: null, offsetBytes: 0, sizeBytes: 0, objects: [], ...place })
  }

  private progress({ path }: ManifestFile, sizeBytes: number): void {
    this.doneBytes += sizeBytes
    this.options.onProgress?.({ doneBytes: this.doneBytes, totalBytes: this.totalBytes, path })
  }
}

function objectsOf(extents: readonly Extent[], range: { offsetBytes: number; sizeBytes: number }): string[] {
  return [...new Set(sliceExtents(extents, range.offsetBytes, range.sizeBytes).map(({ object }) => object))]
}

/** For a report to people. */
export const describeBad = ({ model, path, offsetBytes, sizeBytes, objects, problem }: BadPlace): string => {
  const where = path === null ? model : `${model}: ${path}, ${sizeBytes} bytes from ${offsetBytes}`
  return `${where}${objects.length > 0 ? ` (in ${objects.join(', ')})` : ''}: ${problem}`
}
