/**
 * What the origin stores and what nodes exchange about it. Types only: node/core and sim import this file.
 *
 *   manifests/<sha256>.json          Manifest, canonical JSON; its sha256 is the model's identity
 *   locations/<sha256>.json          Locations: where the bytes of each file lie; replaceable, never part of an identity
 *   refs/<namespace>/<name>/<tag>    Ref: a signed pointer with a rising sequence
 *   chunks/<2 hex>.json              shard of the chunk index: which chunks the origin has, and where
 *   objects/<...>                    the bytes
 *   pushes/<id>/<...>                what a push tells while it runs
 *   removed/<namespace>/<name>/<tag> the last sequence of a removed ref
 *   history/<namespace>/<name>/<tag> the refs of a tag before this one, a bounded number
 *   gc/<...>                         the lock of gc, and what it will delete
 */
import type { ModelId, Sha256 } from '../common/index.ts'

/** Unit of transfer, verification and resume: at most 8 MiB, cut at tensor boundaries where the format has them. */
export interface Chunk {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

export interface Tensor {
  readonly name: string
  /** Element type as the file format spells it: 'F32', 'BF16', 'Q8_0', ... */
  readonly dtype: string
  readonly shape: readonly number[]
  /** From the first byte of the file. */
  readonly offsetBytes: number
  readonly sizeBytes: number
}

export interface ManifestFile {
  /** Relative, '/'-separated, normalised; no '..', no empty or absolute parts. */
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: Sha256
  /** In file order; their sizes sum to sizeBytes. Empty for an empty file. */
  readonly chunks: readonly Chunk[]
  readonly tensors?: readonly Tensor[]
}

/** Immutable and content only: the same files give the same digest wherever they lie and whatever they are called. */
export interface Manifest {
  readonly schema: 'holdfast.manifest.v1'
  /** Sorted by path, each path once. */
  readonly files: readonly ManifestFile[]
  readonly annotations: Readonly<Record<string, string>>
}

/** A run of bytes in an origin object. */
export interface Extent {
  /** Key of the object below the origin's prefix, or in the whole bucket when `base` says so. */
  readonly object: string
  /** Only in a locations record of version 2: the object is an adopted file outside of the origin's prefix. */
  readonly base?: 'bucket'
  readonly offsetBytes: number
  readonly sizeBytes: number
}

export interface FileLocation {
  readonly sha256: Sha256
  /** In file order; their sizes sum to the size of the file. */
  readonly extents: readonly Extent[]
}

export interface Locations {
  readonly schema: 'holdfast.locations.v1' | 'holdfast.locations.v2'
  readonly files: readonly FileLocation[]
}

export interface Ref {
  readonly schema: 'holdfast.ref.v1'
  /** `namespace/name`. */
  readonly model: string
  readonly tag: string
  readonly manifest: ModelId
  /** Rises by at least one whenever the tag moves; a reader never goes back to an older one. */
  readonly sequence: number
  /** Ed25519 public key of the publisher, base64 of the 32 raw bytes. */
  readonly publicKey: string
  /** Ed25519 over the canonical JSON of this record without `signature`, base64. */
  readonly signature: string
}

/** A parsed `namespace/name[:tag]`; the tag defaults to 'latest'. */
export interface ModelName {
  readonly namespace: string
  readonly name: string
  readonly tag: string
}
