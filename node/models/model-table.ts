/** The models of this node with their manifests, over the native store; knows besides where chunks lie among the blobs it holds. */
import type { ModelId, Sha256 } from '../../common/index.ts'
import {
  type BlobRef,
  ModelTable as CoreModelTable,
  type FormBlob,
  type ModelSpec,
  type ModelRow as Row,
} from '../../core/index.ts'
import type { Store } from '../../native/index.ts'
import { type Manifest, manifestSizeBytes } from '../../origin/index.ts'

export interface HeldSpec extends ModelSpec {
  readonly manifest: Manifest
}

export type ModelRow = Row<HeldSpec>

interface ChunkPlace {
  readonly blob: Sha256
  readonly offsetBytes: number
}

/** Of shared memory and of the disk's blocks. */
const pageBytes = 4096

export class ModelTable extends CoreModelTable<HeldSpec> {
  private readonly placesOfChunk = new Map<Sha256, ChunkPlace[]>()

  constructor(store: Pick<Store, 'blob'>) {
    super({ blob: (sha256) => store.blob(sha256), pageBytes })
  }

  override add(spec: HeldSpec, form: FormBlob | null = null): ModelRow {
    for (const { sha256, chunks } of spec.manifest.files) {
      // The chunks of a blob are those of its first manifest; all manifests of a blob were cut from the same bytes.
      if (this.isModelBlob(sha256)) continue
      let offsetBytes = 0
      for (const chunk of chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)
        const place = { blob: sha256, offsetBytes }
        if (places === undefined) this.placesOfChunk.set(chunk.sha256, [place])
        else if (!places.some(({ blob, offsetBytes: at }) => blob === sha256 && at === place.offsetBytes))
          places.push(place)
        offsetBytes += chunk.sizeBytes
      }
    }
    return super.add(spec, form)
  }

  override remove(model: ModelId): void {
    const files = this.get(model)?.spec.manifest.files ?? []
    super.remove(model)
    for (const { sha256, chunks } of files) {
      if (this.isModelBlob(sha256)) continue
      for (const chunk of chunks) {
        const places = this.placesOfChunk.get(chunk.sha256)?.filter(({ blob }) => blob !== sha256) ?? []
        if (places.length === 0) this.placesOfChunk.delete(chunk.sha256)
        else this.placesOfChunk.set(chunk.sha256, places)
      }
    }
  }

  /** A held blob that contains the chunk, or null. */
  findLocalChunk(chunk: Sha256): ChunkPlace | null {
    return this.placesOfChunk.get(chunk)?.find(({ blob }) => this.isHeld({ sha256: blob })) ?? null
  }
}

const specs = new WeakMap<Manifest, HeldSpec>()

/** @param model the digest of the manifest. */
export function specOf(model: ModelId, manifest: Manifest): HeldSpec {
  const known = specs.get(manifest)
  if (known !== undefined) return known
  // Files of a model may be equal; their blob is one.
  const files = [
    ...new Map(
      manifest.files.map(({ sha256, sizeBytes }): [Sha256, BlobRef] => [sha256, { sha256, sizeBytes }]),
    ).values(),
  ]
  const spec: HeldSpec = { model, files, sizeBytes: manifestSizeBytes(manifest), runs: 'form', manifest }
  specs.set(manifest, spec)
  return spec
}
