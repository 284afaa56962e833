/** Simulated models and names in the form in which a daemon knows them. */
import { generateKeyPairSync } from 'node:crypto'
import type { BlobId, ModelId } from '../../common/index.ts'
import type { FetchChunk, RefFacts } from '../../core/index.ts'
import { blobIdOf, type Manifest, type ModelName, type Ref, signRef } from '../../origin/index.ts'
import type { SimModel } from '../../sim/index.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const simIds = new Map<BlobId, BlobId>()
const manifests = new WeakMap<SimModel, Manifest>()

/** One file, whose blob is the one that the simulated node keeps. */
export function manifestOf(model: SimModel): Manifest {
  const known = manifests.get(model)
  if (known !== undefined) return known
  const { sizeBytes, specs } = model
  const { id } = specs.asIs.files[0]!
  const chunks = model.chunks.map((chunk: FetchChunk) => ({ sha256: chunk.sha256, sizeBytes: chunk.sizeBytes }))
  const files = [{ path: 'model.onnx', sha256: id, sizeBytes, chunks }]
  simIds.set(blobIdOf(files[0]!), id)
  const manifest: Manifest = { schema: 'holdfast.manifest.v1', files, annotations: { model: model.id } }
  manifests.set(model, manifest)
  return manifest
}

/** What the simulated store calls a blob of the daemon; a form has one name in both. */
export function simIdOf(id: BlobId): BlobId {
  return simIds.get(id) ?? id
}

/** Names of the simulated world are ids of models. */
export function nameOf(id: ModelId): ModelName {
  return { namespace: 'sim', name: id, tag: 'latest' }
}

export function refOf(name: ModelName, { manifest, sequence }: RefFacts<null>): Ref {
  return signRef({ name, manifest, sequence }, privateKey)
}
