/**
 * A GGUF v3 file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) with the metadata and tensor names of a small
 * llama, in the three storage types that loaders meet first: F32 norms, an F16 embedding, Q8_0 matrices.
 *
 *   'GGUF' | version | tensor count | metadata count | metadata ... | tensor infos ... | padding | tensors, each aligned
 */

import type { Piece, PlannedFile } from './pieces.ts'
import { mergePieces } from './protobuf.ts'
import { type Distribution, type ElementType, type Weights, weights } from './weights.ts'

const alignmentBytes = 32
const typeCode = { F32: 0, F16: 1, Q8_0: 8, BF16: 30 } as const satisfies Record<ElementType, number>
const valueCode = { uint32: 4, float32: 6, string: 8, array: 9 } as const

export interface GgufOptions {
  readonly layerCount: number
  readonly width: number
  readonly innerWidth: number
  readonly vocabularySize: number
}

const tinyGguf: GgufOptions = { layerCount: 2, width: 256, innerWidth: 704, vocabularySize: 1024 }
const headWidth = 32
const specialTokens = ['<unk>', '<s>', '</s>']

type MetadataValue = string | readonly string[] | { readonly uint32: number } | { readonly float32: number }

interface GgufTensor {
  readonly name: string
  readonly weights: Weights
  /** Fastest-running dimension first, the reverse of the other formats. */
  readonly dimensions: readonly number[]
}

export function planGguf(path: string, options: GgufOptions = tinyGguf): PlannedFile {
  const tensors = tensorsOf(options)
  const metadata = Object.entries(metadataOf(options))
  const head: Uint8Array[] = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(metadata.length)]
  for (const [key, value] of metadata) head.push(string(key), encodeValue(value))
  let offset = 0
  for (const tensor of tensors) {
    head.push(string(tensor.name), uint32(tensor.dimensions.length), ...tensor.dimensions.map(uint64))
    head.push(uint32(typeCode[tensor.weights.type]), uint64(offset))
    offset += align(tensor.weights.sizeBytes)
  }
  const headBytes = Buffer.concat(head)
  const pieces: Piece[] = [headBytes, padding(headBytes.byteLength)]
  for (const tensor of tensors) pieces.push(tensor.weights, padding(tensor.weights.sizeBytes))
  return { path, pieces: mergePieces(pieces) }
}

function tensorsOf({ layerCount, width, innerWidth, vocabularySize }: GgufOptions): GgufTensor[] {
  const tensor = (
    name: string,
    type: ElementType,
    dimensions: readonly number[],
    distribution: Distribution,
  ): GgufTensor => ({
    name: `${name}.weight`,
    dimensions,
    weights: weights(`gguf/${name}`, type, dimensions, distribution),
  })
  const matrix = (name: string, columns: number, rows: number, type: ElementType = 'Q8_0'): GgufTensor =>
    tensor(name, type, [columns, rows], { halfWidth: 0.02 * Math.sqrt(3) })
  const norm = (name: string): GgufTensor => tensor(name, 'F32', [width], { mean: 1, halfWidth: 0.1 })
  const layer = (prefix: string): GgufTensor[] => [
    norm(`${prefix}.attn_norm`),
    matrix(`${prefix}.attn_q`, width, width),
    matrix(`${prefix}.attn_k`, width, width),
    matrix(`${prefix}.attn_v`, width, width),
    matrix(`${prefix}.attn_output`, width, width),
    norm(`${prefix}.ffn_norm`),
    matrix(`${prefix}.ffn_gate`, width, innerWidth),
    matrix(`${prefix}.ffn_up`, width, innerWidth),
    matrix(`${prefix}.ffn_down`, innerWidth, width),
  ]
  return [
    matrix('token_embd', width, vocabularySize, 'F16'),
    ...Array.from({ length: layerCount }, (_, index) => layer(`blk.${index}`)).flat(),
    norm('output_norm'),
    matrix('output', width, vocabularySize),
  ]
}

function metadataOf({ layerCount, width, innerWidth, vocabularySize }: GgufOptions): Record<string, MetadataValue> {
  return {
    'general.architecture': 'llama',
    'general.name': 'gguf-tiny',
    'general.alignment': { uint32: alignmentBytes },
    'general.file_type': { uint32: 7 },
    'llama.context_length': { uint32: 512 },
    'llama.embedding_length': { uint32: width },
    'llama.block_count': { uint32: layerCount },
    'llama.feed_forward_length': { uint32: innerWidth },
    'llama.attention.head_count': { uint32: width / headWidth },
    'llama.attention.layer_norm_rms_epsilon': { float32: 1e-5 },
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': Array.from({ length: vocabularySize }, (_, index) => tokenOf(index)),
  }
}

/** llama.cpp looks up the tokens of single bytes when it loads the vocabulary. */
function tokenOf(index: number): string {
  const byte = index - specialTokens.length
  if (byte < 0) return specialTokens[index]!
  return byte < 256 ? `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>` : `<${index}>`
}

function encodeValue(value: MetadataValue): Uint8Array {
  if (typeof value === 'string') return Buffer.concat([uint32(valueCode.string), string(value)])
  if ('uint32' in value) return Buffer.concat([uint32(valueCode.uint32), uint32(value.uint32)])
  if ('float32' in value) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value.float32)
    return Buffer.concat([uint32(valueCode.float32), bytes])
  }
  const head = [uint32(valueCode.array), uint32(valueCode.string), uint64(value.length)]
  return Buffer.concat([...head, ...value.map(string)])
}

function string(value: string): Uint8Array {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint64(bytes.byteLength), bytes])
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function align(sizeBytes: number): number {
  return Math.ceil(sizeBytes / alignmentBytes) * alignmentBytes
}

function padding(sizeBytes: number): Uint8Array {
  return new Uint8Array(align(sizeBytes) - sizeBytes)
}
