/**
 * The manifest: what a model is. Its canonical bytes have one sha256, and that is the model's identity everywhere.
 *
 * `parseManifest` takes bytes from anybody. What it returns has been checked completely: paths stay below a folder, sizes
 * sum, chunks have at most 8 MiB, tensors lie apart and inside their file, and the bytes are the canonical ones, so that
 * nobody can give one model two identities.
 */
import { createHash } from 'node:crypto'
import { HoldfastError, type ModelId } from '../../common/index.ts'
import type { Manifest, ManifestFile } from '../types.ts'
import { canonicalBytes, canonicalJson } from './canonical-json.ts'
import { HostileJson } from './hostile-json.ts'
import { ManifestChecker } from './manifest-checker.ts'
import { defaultManifestLimits, type ManifestLimits } from './manifest-limits.ts'

export const manifestSchema = 'holdfast.manifest.v1'

const json = new HostileJson('BAD_MANIFEST', 'manifest')
const manifestKeys = new Set(['schema', 'files', 'annotations'])

export interface EncodedManifest {
  readonly manifest: Manifest
  readonly bytes: Uint8Array
  readonly digest: ModelId
}

/** Sorts the files and encodes. The result passes parseManifest, or this throws. */
export function buildManifest(
  files: readonly ManifestFile[],
  annotations: Readonly<Record<string, string>> = {},
  limits: ManifestLimits = defaultManifestLimits,
): EncodedManifest {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
  const bytes = canonicalBytes({ schema: manifestSchema, files: sorted, annotations })
  return { manifest: parseManifest(bytes, limits), bytes, digest: digestOf(bytes) }
}

/** BAD_MANIFEST says where and why. The digest of the bytes is not checked here. */
export function parseManifest(bytes: Uint8Array, limits: ManifestLimits = defaultManifestLimits): Manifest {
  const { text, object } = json.parse(bytes, limits.manifestBytesMax)
  json.schema(object, manifestSchema)
  json.keys(object, '', manifestKeys)
  const checker = new ManifestChecker(json, limits)
  const manifest: Manifest = {
    schema: manifestSchema,
    files: checker.files(object.files),
    annotations: checker.annotations(object.annotations),
  }
  if (canonicalJson(manifest) !== text) throw json.fail('', 'is not in canonical form')
  return manifest
}

/** As parseManifest, of bytes that somebody says have this digest: DIGEST_MISMATCH when they have not. */
export function parseManifestOf(digest: ModelId, bytes: Uint8Array, limits?: ManifestLimits): Manifest {
  const actual = digestOf(bytes)
  if (actual !== digest) {
    throw new HoldfastError('DIGEST_MISMATCH', `The manifest of sha256:${digest} has the sha256 ${actual}.`, {
      details: { expected: digest, actual },
    })
  }
  return parseManifest(bytes, limits)
}

export function manifestDigest(manifest: Manifest): ModelId {
  return digestOf(canonicalBytes(manifest))
}

/** The canonical bytes: those that have the digest. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return canonicalBytes(manifest)
}

/** Sum of all files; what the model takes in a tier when no two files are equal. */
export function manifestSizeBytes(manifest: Manifest): number {
  return manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)
}

function digestOf(bytes: Uint8Array): ModelId {
  return createHash('sha256').update(bytes).digest('hex')
}
