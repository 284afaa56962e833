/**
 * The header of a safetensors file: 8 bytes of little-endian length, then JSON with dtype, shape and place of each tensor,
 * places counted from the end of the header. https://github.com/huggingface/safetensors#format
 *
 * The header is hostile until checked: everything it says is bounded by the size of the file.
 */
import type { Tensor } from '../types.ts'
import { badModelFile, checkedTensorTable, elementCount, type HeaderLimits, shown } from './tensor-table.ts'

const lengthBytes = 8

/** Bits per element. A dtype of a later version of the format is passed on with the size that the header gives. */
const dtypeBits: Readonly<Record<string, number>> = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  I64: 64,
  U64: 64,
  F64: 64,
  C64: 64,
}

/** Bytes to read before parseSafetensors can run: 8, and then what the first 8 say. */
export function safetensorsHeaderBytes(start: Uint8Array, fileSizeBytes: number, limits: HeaderLimits): number {
  if (start.length < lengthBytes) throw badModelFile(`the file has ${fileSizeBytes} bytes, the shortest header has 8`)
  const jsonBytes = Buffer.from(start.buffer, start.byteOffset, lengthBytes).readBigUInt64LE()
  if (jsonBytes > BigInt(limits.headerBytesMax))
    throw badModelFile(`the header is said to have ${jsonBytes} bytes, at most ${limits.headerBytesMax} are read`)
  if (Number(jsonBytes) > fileSizeBytes - lengthBytes)
    throw badModelFile(`the header is said to have ${jsonBytes} bytes, the file has ${fileSizeBytes}`)
  return lengthBytes + Number(jsonBytes)
}

/** `header`: the whole of it, with the 8 bytes of length. */
export function parseSafetensors(header: Uint8Array, fileSizeBytes: number, limits: HeaderLimits): Tensor[] {
  const entries = Object.entries(parseJson(header.subarray(lengthBytes)))
  if (entries.length > limits.tensorsMax)
    throw badModelFile(`it lists ${entries.length} tensors, at most ${limits.tensorsMax} are read`)
  const tensors: Tensor[] = []
  for (const [name, value] of entries) {
    if (name !== '__metadata__') tensors.push(parseTensor(name, value, header.length, limits))
  }
  return checkedTensorTable(tensors, { dataOffsetBytes: header.length, fileSizeBytes })
}

function parseJson(bytes: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    throw badModelFile('it is not JSON', cause)
  }
  throw badModelFile('it is not a JSON object')
}

function parseTensor(name: string, value: unknown, dataOffsetBytes: number, limits: HeaderLimits): Tensor {
  if (name.length > limits.nameLengthMax || !name.isWellFormed())
    throw badModelFile(`the tensor name ${shown(name)} is too long or not Unicode`)
  const { dtype, shape, data_offsets: place } = (value ?? {}) as Record<string, unknown>
  if (typeof dtype !== 'string' || !/^[A-Za-z0-9_]{1,32}$/.test(dtype))
    throw badModelFile(`the tensor ${shown(name)} has no valid dtype`)
  if (!isSizes(shape) || shape.length > limits.rankMax)
    throw badModelFile(`the tensor ${shown(name)} has no valid shape`)
  if (!isSizes(place) || place.length !== 2 || place[0]! > place[1]!)
    throw badModelFile(`the tensor ${shown(name)} has no valid data_offsets`)
  const sizeBytes = place[1]! - place[0]!
  const bits = Object.hasOwn(dtypeBits, dtype) ? dtypeBits[dtype] : undefined
  const count = elementCount(shape)
  if (count === null || (bits !== undefined && count * bits !== sizeBytes * 8)) {
    throw badModelFile(`the tensor ${shown(name)} of ${dtype} [${shape.join(', ')}] cannot have ${sizeBytes} bytes`)
  }
  return { name, dtype, shape, offsetBytes: dataOffsetBytes + place[0]!, sizeBytes }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
