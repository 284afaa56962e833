/**
 * The header of a safetensors file: 8 bytes of little-endian length, then JSON with dtype, shape and place of each tensor,
 * places counted from the end of the header. https://github.com/huggingface/safetensors#format
 *
 * The header is hostile until checked: everything it says is bounded by the size of the file. The grammar is that of the
 * safetensors library, is written down in docs/reference/headers.md, and is read alike by native/formats/safetensors.cc.
 */
import { isUtf8 } from 'node:buffer'
import type { Tensor } from '../types.ts'
import { JsonCursor } from './json-cursor.ts'
import { badModelFile, checkedTensorTable, type HeaderLimits, shown } from './tensor-table.ts'

const lengthBytes = 8
const dtypeBytesMax = 32

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
  if (jsonBytes > BigInt(limits.safetensorsJsonBytesMax))
    throw badModelFile(
      `the header is said to have ${jsonBytes} bytes, at most ${limits.safetensorsJsonBytesMax} are read`,
    )
  if (Number(jsonBytes) > fileSizeBytes - lengthBytes)
    throw badModelFile(`the header is said to have ${jsonBytes} bytes, the file has ${fileSizeBytes}`)
  return lengthBytes + Number(jsonBytes)
}

/** `header`: the whole of it, with the 8 bytes of length. */
export function parseSafetensors(header: Uint8Array, fileSizeBytes: number, limits: HeaderLimits): Tensor[] {
  const text = Buffer.from(header.buffer, header.byteOffset + lengthBytes, header.length - lengthBytes)
  if (!isUtf8(text)) throw badModelFile('it is not UTF-8')
  const json = new JsonCursor(text)
  if (!json.startsWith('{')) throw badModelFile("it does not begin with '{'")
  json.take('{')
  const tensors: Tensor[] = []
  let hasMetadata = false
  for (let isFirst = true; !json.take('}'); isFirst = false) {
    const name = isFirst || json.take(',') ? json.string(limits.nameBytesMax) : null
    if (name === null || !json.take(':')) throw badModelFile('it is not JSON, or a name is too long')
    if (name === '__metadata__') {
      if (hasMetadata || !readMetadata(json))
        throw badModelFile('its metadata is not an object of strings, or occurs twice')
      hasMetadata = true
      continue
    }
    if (name.includes('\0')) throw badModelFile('a name has a zero byte')
    if (tensors.length === limits.tensorsMax) throw badModelFile(`it lists more than ${limits.tensorsMax} tensors`)
    tensors.push(readTensor(json, name, header.length, limits))
  }
  if (!json.atEnd()) throw badModelFile('something follows the JSON object')
  const sorted = checkedTensorTable(tensors, { dataOffsetBytes: header.length, fileSizeBytes })
  checkNoHoles(sorted, header.length, fileSizeBytes)
  return sorted
}

/** An object of strings in which no key occurs twice, or null. */
function readMetadata(json: JsonCursor): boolean {
  if (json.null()) return true
  if (!json.take('{')) return false
  const keys = new Set<string>()
  for (let isFirst = true; !json.take('}'); isFirst = false) {
    const key = isFirst || json.take(',') ? json.string(Number.POSITIVE_INFINITY) : null
    if (key === null || keys.has(key) || !json.take(':')) return false
    keys.add(key)
    if (json.string(Number.POSITIVE_INFINITY) === null) return false
  }
  return true
}

/** The value of one member of the header: {"dtype": ..., "shape": ..., "data_offsets": ...}. */
function readTensor(json: JsonCursor, name: string, dataOffsetBytes: number, limits: HeaderLimits): Tensor {
  let dtype: string | null = null
  let shape: number[] | null = null
  let place: number[] | null = null
  if (!json.take('{')) throw badModelFile(`the tensor ${shown(name)} is not an object`)
  for (let isFirst = true; !json.take('}'); isFirst = false) {
    const key = isFirst || json.take(',') ? json.string(limits.nameBytesMax) : null
    let isGood = key !== null && json.take(':')
    if (isGood && key === 'dtype') {
      isGood = dtype === null
      dtype = json.string(dtypeBytesMax)
      isGood &&= dtype !== null && /^[A-Z][A-Z0-9_]*$/.test(dtype)
    } else if (isGood && key === 'shape') {
      isGood = shape === null
      shape = readSizes(json, limits.rankMax)
      isGood &&= shape !== null
    } else if (isGood && key === 'data_offsets') {
      isGood = place === null
      place = readSizes(json, 2)
      isGood &&= place?.length === 2 && place[0]! <= place[1]!
    } else {
      isGood &&= json.skip()
    }
    if (!isGood) throw badModelFile(`the tensor ${shown(name)} has no valid ${key ? shown(key) : 'form'}`)
  }
  if (dtype === null || shape === null || place === null)
    throw badModelFile(`the tensor ${shown(name)} lacks dtype, shape or data_offsets`)
  const sizeBytes = place[1]! - place[0]!
  if (!fits(dtype, shape, sizeBytes))
    throw badModelFile(`the tensor ${shown(name)} of ${dtype} [${shape.join(', ')}] cannot have ${sizeBytes} bytes`)
  return { name, dtype, shape, offsetBytes: dataOffsetBytes + place[0]!, sizeBytes }
}

function readSizes(json: JsonCursor, countMax: number): number[] | null {
  if (!json.take('[')) return null
  const sizes: number[] = []
  if (json.take(']')) return sizes
  for (;;) {
    const value = sizes.length === countMax ? null : json.size()
    if (value === null) return null
    sizes.push(value)
    if (json.take(']')) return sizes
    if (!json.take(',')) return null
  }
}

/** As the library multiplies: a zero does not bring back a product that has left 64 bits before it. */
function fits(dtype: string, shape: readonly number[], sizeBytes: number): boolean {
  const known = Object.hasOwn(dtypeBits, dtype) ? dtypeBits[dtype] : undefined
  // Almost all: 2^40 elements of any type are exact in a double.
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  if (count > 0 && count < 2 ** 40) return known === undefined || count * known === sizeBytes * 8
  let bits = 1n
  for (const dimension of shape) {
    bits *= BigInt(dimension)
    if (bits >= 2n ** 64n) return false
  }
  if (known === undefined) return true
  bits *= BigInt(known)
  return bits < 2n ** 64n && bits === BigInt(sizeBytes) * 8n
}

/** Tensors in file order follow each other without a gap, and the file ends with the last of them. */
function checkNoHoles(tensors: readonly Tensor[], dataOffsetBytes: number, fileSizeBytes: number): void {
  let endBytes = dataOffsetBytes
  for (const { name, offsetBytes, sizeBytes } of tensors) {
    if (offsetBytes !== endBytes) throw badModelFile(`bytes before the tensor ${shown(name)} belong to none`)
    endBytes += sizeBytes
  }
  if (endBytes !== fileSizeBytes)
    throw badModelFile(`the tensors end at byte ${endBytes}, the file at ${fileSizeBytes}`)
}
