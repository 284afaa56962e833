/**
 * Plans safetensors files (https://huggingface.co/docs/safetensors): 8 bytes of header length, JSON, then the tensors in the
 * order in which they are given, without gaps. The header is padded with spaces to 8 bytes, as the reference writer does.
 */
import { jsonFile, type Piece, type PlannedFile } from './pieces.ts'
import { type Distribution, type ElementType, weights } from './weights.ts'

export interface SafetensorsTensor {
  readonly name: string
  /** What its bytes depend on besides the seed. */
  readonly key: string
  readonly dtype: Exclude<ElementType, 'Q8_0'>
  readonly shape: readonly number[]
  readonly distribution: Distribution
}

export function planSafetensors(path: string, tensors: readonly SafetensorsTensor[]): PlannedFile {
  const entries: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const bodies: Piece[] = []
  let offset = 0
  for (const tensor of tensors) {
    const body = weights(tensor.key, tensor.dtype, tensor.shape, tensor.distribution)
    entries[tensor.name] = {
      dtype: tensor.dtype,
      shape: tensor.shape,
      data_offsets: [offset, offset + body.sizeBytes],
    }
    offset += body.sizeBytes
    bodies.push(body)
  }
  const json = JSON.stringify(entries)
  const header = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8, ' '))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.byteLength))
  return { path, pieces: [Buffer.concat([length, header]), ...bodies] }
}

/** Shards of at most `shardSizeBytesMax` (one tensor at least) and the index file that names the shard of each tensor. */
export function planShardedSafetensors(
  tensors: readonly SafetensorsTensor[],
  shardSizeBytesMax: number,
): PlannedFile[] {
  const shards: SafetensorsTensor[][] = []
  let shardSizeBytes = Number.POSITIVE_INFINITY
  let totalSizeBytes = 0
  for (const tensor of tensors) {
    const { sizeBytes } = weights(tensor.key, tensor.dtype, tensor.shape, tensor.distribution)
    if (shardSizeBytes + sizeBytes > shardSizeBytesMax) {
      shards.push([])
      shardSizeBytes = 0
    }
    shards.at(-1)!.push(tensor)
    shardSizeBytes += sizeBytes
    totalSizeBytes += sizeBytes
  }
  const number = (value: number): string => String(value).padStart(5, '0')
  const pathOf = (index: number): string => `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`
  const names = shards.flatMap((shard, index) => shard.map((tensor) => [tensor.name, pathOf(index)] as const))
  const index = { metadata: { total_size: totalSizeBytes }, weight_map: Object.fromEntries(names.sort(byName)) }
  return [
    ...shards.map((shard, position) => planSafetensors(pathOf(position), shard)),
    jsonFile('model.safetensors.index.json', index),
  ]
}

function byName(left: readonly [string, string], right: readonly [string, string]): number {
  return left[0] < right[0] ? -1 : left[0] > right[0] ? 1 : 0
}
