/** What an origin, or a node that speaks for it, gives: manifests, places, refs, shards of the index of chunks. */
import { generateKeyPairSync } from 'node:crypto'
import type { Prng } from '../../common/index.ts'
import { encodeManifest, encodeRef, type Manifest, parseManifest, parseRef, signRef } from '../../origin/index.ts'
import { canonicalBytes } from '../../origin/manifest/canonical-json.ts'
import { buildLocations, parseLocations } from '../../origin/manifest/locations.ts'
import { buildManifest } from '../../origin/manifest/manifest.ts'
import { encodeChunkShard, parseChunkShard } from '../../origin/push/chunk-index-shard.ts'
import { mutateBytes, mutateValue } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

const sha256 = (byte: number) => byte.toString(16).padStart(2, '0').repeat(32)

/** Half of the inputs are canonical JSON again, so that they get behind the grammar. */
export function changeJson(seed: Uint8Array, prng: Prng): Uint8Array {
  if (prng.chance(1, 2)) return mutateBytes(seed, prng)
  const changed = mutateValue(JSON.parse(Buffer.from(seed).toString()), prng)
  try {
    return canonicalBytes(changed)
  } catch {
    // What has no canonical form: fractions, bytes, deep nests.
    return Buffer.from(textOf(changed))
  }
}

/** JSON of values that are too deep for the language's own. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch {
    return `${'['.repeat(3000)}${']'.repeat(3000)}`
  }
}

export function originTargets(): FuzzTarget[] {
  return [manifestTarget(), refTarget(), locationsTarget(), shardTarget()]
}

function manifestTarget(): FuzzTarget {
  const chunk = (byte: number, sizeBytes: number) => ({ sha256: sha256(byte), sizeBytes })
  const tensors = [{ name: 'w', dtype: 'F32', shape: [2, 2], offsetBytes: 8, sizeBytes: 16 }]
  const files: Manifest['files'] = [
    { path: 'a/model.onnx', sha256: sha256(1), sizeBytes: 7, chunks: [chunk(2, 7)] },
    { path: 'w.safetensors', sha256: sha256(3), sizeBytes: 24, chunks: [chunk(4, 24)], tensors },
  ]
  return {
    name: 'manifest',
    codes: ['BAD_MANIFEST', 'REQUEST_TOO_LARGE', 'TOO_LARGE'],
    seeds: [buildManifest(files, { licence: 'none' }).bytes, buildManifest(files.slice(0, 1)).bytes],
    change: changeJson,
    parse: (bytes) => parseManifest(bytes),
    write: encodeManifest,
    // One model has one identity: what is accepted is canonical.
    check: (manifest: Manifest, bytes) => {
      if (!Buffer.from(encodeManifest(manifest)).equals(bytes)) throw new Error('two bytes for one manifest')
    },
  }
}

function refTarget(): FuzzTarget {
  const { privateKey } = generateKeyPairSync('ed25519')
  const name = { namespace: 'acme', name: 'x', tag: 'latest' }
  return {
    name: 'ref',
    codes: ['BAD_REF'],
    seeds: [encodeRef(signRef({ name, manifest: sha256(5), sequence: 3 }, privateKey))],
    change: changeJson,
    parse: (bytes) => parseRef(bytes, name),
    write: encodeRef,
  }
}

function locationsTarget(): FuzzTarget {
  const extents = [{ object: 'packs/ab', offsetBytes: 0, sizeBytes: 31 }]
  return {
    name: 'places in the origin',
    codes: ['BAD_MANIFEST', 'REQUEST_TOO_LARGE', 'TOO_LARGE'],
    seeds: [
      buildLocations(
        new Map([
          [sha256(1), extents],
          [sha256(3), extents],
        ]),
      ),
    ],
    change: changeJson,
    parse: (bytes) => parseLocations(bytes),
    write: canonicalBytes,
  }
}

function shardTarget(): FuzzTarget {
  const extent = { object: 'packs/ab', offsetBytes: 0, sizeBytes: 31 }
  return {
    name: 'shard of the index of chunks',
    codes: ['BAD_MANIFEST', 'REQUEST_TOO_LARGE', 'TOO_LARGE'],
    seeds: [
      encodeChunkShard(
        new Map([
          [sha256(1), extent],
          [sha256(9), { ...extent, object: 'packs/cd' }],
        ]),
      ),
    ],
    change: changeJson,
    parse: parseChunkShard,
    write: encodeChunkShard,
  }
}
