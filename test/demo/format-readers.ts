/** Second opinions on the formats that the generator writes: readers that share no code with it. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import protobuf from 'protobufjs'
import { expect } from 'vitest'

export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 0x1f
  return exponent === 0 ? 0 : sign * 2 ** (exponent - 15) * (1 + (half & 0x3ff) / 1024)
}

export function fromBrain(brain: number): number {
  return new Float32Array(new Uint32Array([brain * 65536]).buffer)[0]!
}

export interface OnnxModel {
  readonly opsetImport: unknown[]
  readonly graph: { readonly initializer: { name: string; dims: number[]; rawData: Uint8Array }[] }
}

const onnxSchema = protobuf.parse(`
  syntax = "proto2";
  message ModelProto { optional int32 ir_version = 1; optional GraphProto graph = 7; repeated Opset opset_import = 8; }
  message Opset { optional string domain = 1; optional int32 version = 2; }
  message GraphProto { repeated TensorProto initializer = 5; }
  message TensorProto { repeated int32 dims = 1; optional int32 data_type = 2; optional string name = 8; optional bytes raw_data = 9; }
`).root

export function readOnnx(bytes: Uint8Array): OnnxModel {
  return onnxSchema.lookupType('ModelProto').decode(bytes) as unknown as OnnxModel
}

export interface SafetensorsView {
  readonly tensors: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>
  readonly bytes: Buffer
  readonly sizeBytes: number
  readonly headerSizeBytes: number
}

export async function readSafetensors(path: string): Promise<SafetensorsView> {
  const bytes = await readFile(path)
  const headerSizeBytes = 8 + Number(bytes.readBigUInt64LE())
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, headerSizeBytes))
  return { tensors, bytes, sizeBytes: bytes.byteLength, headerSizeBytes }
}

export async function digestsOfTensors(files: readonly string[]): Promise<Map<string, string>> {
  const digests = new Map<string, string>()
  for (const path of files.filter((file) => file.endsWith('.safetensors'))) {
    const { tensors, bytes, headerSizeBytes } = await readSafetensors(path)
    for (const [name, { data_offsets }] of Object.entries(tensors)) {
      const body = bytes.subarray(headerSizeBytes + data_offsets[0], headerSizeBytes + data_offsets[1])
      digests.set(name, createHash('sha256').update(body).digest('hex'))
    }
  }
  return digests
}

export interface GgufView {
  readonly version: number
  readonly metadata: Record<string, unknown>
  readonly tensors: { name: string; type: number; offset: number; sizeBytes: number }[]
  readonly dataStart: number
}

export function readGguf(bytes: Buffer): GgufView {
  let at = 0
  const advance = (sizeBytes: number): number => {
    at += sizeBytes
    return at - sizeBytes
  }
  const uint32 = (): number => bytes.readUInt32LE(advance(4))
  const uint64 = (): number => Number(bytes.readBigUInt64LE(advance(8)))
  const string = (): string => {
    const start = advance(uint64())
    return bytes.toString('utf8', start, at)
  }
  const value = (type: number): unknown => {
    if (type === 4) return uint32()
    if (type === 6) return bytes.readFloatLE(advance(4))
    if (type === 8) return string()
    if (type !== 9) throw new Error(`type ${type}`)
    const itemType = uint32()
    return Array.from({ length: uint64() }, () => value(itemType))
  }
  expect(bytes.toString('latin1', 0, 4)).toBe('GGUF')
  at = 4
  const version = uint32()
  const tensorCount = uint64()
  const metadataCount = uint64()
  const metadata: Record<string, unknown> = {}
  for (let index = 0; index < metadataCount; index++) {
    const key = string()
    metadata[key] = value(uint32())
  }
  const bytesPerElement: Record<number, number> = { 0: 4, 1: 2, 8: 34 / 32 }
  const tensors = Array.from({ length: tensorCount }, () => {
    const name = string()
    const dimensions = Array.from({ length: uint32() }, uint64)
    const type = uint32()
    const count = dimensions.reduce((product, size) => product * size, 1)
    return { name, type, offset: uint64(), sizeBytes: count * bytesPerElement[type]! }
  })
  return { version, metadata, tensors, dataStart: Math.ceil(at / 32) * 32 }
}
