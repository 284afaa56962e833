/**
 * One shard of the chunk index: the chunks whose sha256 begins with the same two hex digits, and where each lies. Object
 * keys stand once in a table, since a pack holds many chunks: some 90 bytes per chunk.
 */
import type { Sha256 } from '../../common/index.ts'
import { pathProblem } from '../files/file-path.ts'
import { canonicalBytes } from '../manifest/canonical-json.ts'
import { HostileJson } from '../manifest/hostile-json.ts'
import { chunkBytesMax } from '../manifest/manifest-limits.ts'
import { isSha256 } from '../refs/model-name.ts'
import type { Extent } from '../types.ts'

export const chunkShardSchema = 'holdfast.chunk-index.v1'
/** 700,000 chunks per shard, 180 million in all: more than a petabyte of full chunks. */
export const chunkShardBytesMax = 64 * 1024 * 1024

const json = new HostileJson('BAD_MANIFEST', 'chunk index shard')

export type ChunkShard = Map<Sha256, Extent>

export function encodeChunkShard(shard: ReadonlyMap<Sha256, Extent>): Uint8Array {
  const objects = [...new Set([...shard.values()].map((extent) => extent.object))].sort()
  const indices = new Map(objects.map((object, index) => [object, index]))
  const chunks: Record<Sha256, readonly number[]> = {}
  for (const [sha256, { object, offsetBytes, sizeBytes }] of shard) {
    chunks[sha256] = [indices.get(object)!, offsetBytes, sizeBytes]
  }
  return canonicalBytes({ schema: chunkShardSchema, objects, chunks })
}

export function parseChunkShard(bytes: Uint8Array): ChunkShard {
  const { object } = json.parse(bytes, chunkShardBytesMax)
  json.schema(object, chunkShardSchema)
  const keys = json.array(object.objects, 'objects', chunkShardBytesMax).map((key) => {
    const text = json.string(key, 'objects', 1024)
    const problem = pathProblem(text)
    if (problem !== null) throw json.fail('objects', problem)
    return text
  })
  const shard: ChunkShard = new Map()
  for (const [sha256, value] of Object.entries(json.object(object.chunks, 'chunks'))) {
    if (!isSha256(sha256)) throw json.fail('chunks', 'has a key that is not a sha256')
    const [index, offsetBytes, sizeBytes] = json.array(value, 'chunks', 3)
    shard.set(sha256, {
      object: keys[json.integer(index, 'chunks', 0, keys.length - 1)]!,
      offsetBytes: json.integer(offsetBytes, 'chunks', 0),
      sizeBytes: json.integer(sizeBytes, 'chunks', 1, chunkBytesMax),
    })
  }
  return shard
}
