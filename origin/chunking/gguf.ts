/**
 * The header of a GGUF file, versions 2 and 3, little-endian: metadata, then name, shape, type and place of each tensor,
 * places counted from the aligned end of the header. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 *     'GGUF' u32 version  u64 tensors  u64 pairs | pairs: key, type, value | tensors: name, dims, type, offset | padding
 *
 * The length of the header is known only at its end. The parser is synchronous over a prefix of the file and asks for a
 * longer one when it runs out; nothing is allocated for a count that the bytes at hand could not hold.
 */
import type { Tensor } from '../types.ts'
import { type GgmlType, ggmlTypes } from './ggml-types.ts'
import { GgufCursor } from './gguf-cursor.ts'
import { badModelFile, checkedTensorTable, elementCount, type HeaderLimits, shown } from './tensor-table.ts'

const magic = 0x46554747
const defaultAlignmentBytes = 32
const alignmentBytesMax = 1024 * 1024
/** Arrays of arrays are legal; nobody nests them deeper. */
const arrayDepthMax = 4
const shortestPairBytes = 8 + 4 + 1
const shortestTensorBytes = 8 + 4 + 4 + 8

/** Bytes of a metadata value by its type number; 8 is a string, 9 an array. */
const valueBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
}
const stringType = 8
const arrayType = 9
const uint32Type = 4

interface TensorInfo {
  readonly name: string
  readonly shape: readonly number[]
  readonly typeNumber: number
  readonly type: GgmlType | undefined
  /** From the start of the data. */
  readonly offsetBytes: number
}

/** `prefix`: the first bytes of the file. NeedMore (gguf-cursor.ts) is thrown when the header goes on beyond them. */
export function parseGguf(prefix: Uint8Array, fileSizeBytes: number, limits: HeaderLimits): Tensor[] {
  const cursor = new GgufCursor(prefix, fileSizeBytes)
  checkStart(cursor)
  const tensorCount = cursor.count(limits.tensorsMax, shortestTensorBytes, 'tensors')
  const pairCount = cursor.count(fileSizeBytes, shortestPairBytes, 'metadata pairs')
  const alignmentBytes = readMetadata(cursor, pairCount)
  const infos: TensorInfo[] = []
  for (let i = 0; i < tensorCount; i++) infos.push(readTensorInfo(cursor, alignmentBytes, limits))
  const dataOffsetBytes = Math.ceil(cursor.position / alignmentBytes) * alignmentBytes
  return checkedTensorTable(place(infos, dataOffsetBytes, fileSizeBytes), { dataOffsetBytes, fileSizeBytes })
}

function checkStart(cursor: GgufCursor): void {
  if (cursor.u32() !== magic) throw badModelFile("it does not begin with 'GGUF'")
  const version = cursor.u32()
  if (version === 2 || version === 3) return
  const isSwapped = (version & 0xffff) === 0 && version !== 0
  throw badModelFile(isSwapped ? 'big-endian GGUF is not read' : `GGUF version ${version} is not read, only 2 and 3`)
}

/** Skips all pairs but the alignment. */
function readMetadata(cursor: GgufCursor, pairCount: number): number {
  let alignmentBytes: number | null = null
  for (let i = 0; i < pairCount; i++) {
    const key = cursor.text(65535)
    const type = cursor.u32()
    // Of two pairs with one key the first counts.
    if (key === 'general.alignment' && alignmentBytes === null) {
      if (type !== uint32Type) throw badModelFile('general.alignment is not a uint32')
      alignmentBytes = cursor.u32()
      const isPowerOfTwo = alignmentBytes > 0 && (alignmentBytes & (alignmentBytes - 1)) === 0
      if (!isPowerOfTwo || alignmentBytes > alignmentBytesMax)
        throw badModelFile(`general.alignment is ${alignmentBytes}`)
    } else {
      skipValue(cursor, type, 0)
    }
  }
  return alignmentBytes ?? defaultAlignmentBytes
}

function skipValue(cursor: GgufCursor, type: number, depth: number): void {
  const sizeBytes = valueBytes[type]
  if (sizeBytes !== undefined) cursor.skip(sizeBytes)
  else if (type === stringType) cursor.skipText()
  else if (type === arrayType) skipArray(cursor, depth)
  else throw badModelFile(`metadata of the unknown type ${type}`)
}

function skipArray(cursor: GgufCursor, depth: number): void {
  if (depth === arrayDepthMax) throw badModelFile(`metadata arrays are nested deeper than ${arrayDepthMax}`)
  const type = cursor.u32()
  const itemBytes = valueBytes[type]
  // The shortest item of no fixed size is a string: its length alone has 8 bytes.
  const count = cursor.count(Number.MAX_SAFE_INTEGER, itemBytes ?? 8, 'array items')
  if (itemBytes !== undefined) cursor.skip(count * itemBytes)
  else for (let i = 0; i < count; i++) skipValue(cursor, type, depth + 1)
}

function readTensorInfo(cursor: GgufCursor, alignmentBytes: number, limits: HeaderLimits): TensorInfo {
  const name = cursor.text(limits.nameBytesMax)
  if (name.includes('\0')) throw badModelFile('a name has a zero byte')
  const rank = cursor.u32()
  if (rank > limits.rankMax)
    throw badModelFile(`the tensor ${shown(name)} has ${rank} dimensions, at most ${limits.rankMax}`)
  const dimensions: number[] = []
  for (let i = 0; i < rank; i++) dimensions.push(cursor.u64(`a dimension of ${shown(name)}`))
  const typeNumber = cursor.u32()
  const offsetBytes = cursor.u64(`the offset of ${shown(name)}`)
  if (offsetBytes % alignmentBytes !== 0)
    throw badModelFile(`the tensor ${shown(name)} is not aligned to ${alignmentBytes} bytes`)
  // ggml counts the fastest dimension first; a shape here means the same as in safetensors, slowest first.
  return { name, shape: dimensions.reverse(), typeNumber, type: ggmlTypes.get(typeNumber), offsetBytes }
}

/** Sizes by type, and for a type of some fork by the distance to the next tensor. */
function place(infos: readonly TensorInfo[], dataOffsetBytes: number, fileSizeBytes: number): Tensor[] {
  const tensors: Tensor[] = []
  const sorted = infos.toSorted((a, b) => a.offsetBytes - b.offsetBytes)
  // From the last one: the end of a tensor is where the next begins that does not begin with it.
  let endBytes = fileSizeBytes - Math.min(fileSizeBytes, dataOffsetBytes)
  for (let i = sorted.length - 1; i >= 0; i--) {
    const { offsetBytes } = sorted[i]!
    const next = sorted[i + 1]
    if (next && next.offsetBytes > offsetBytes) endBytes = next.offsetBytes
    tensors.push(placed(sorted[i]!, dataOffsetBytes, endBytes))
  }
  return tensors.reverse()
}

function placed(info: TensorInfo, dataOffsetBytes: number, endBytes: number): Tensor {
  return {
    name: info.name,
    dtype: info.type?.name ?? `ggml-${info.typeNumber}`,
    shape: info.shape,
    offsetBytes: dataOffsetBytes + info.offsetBytes,
    sizeBytes: info.type ? sizeOf(info, info.type) : Math.max(0, endBytes - info.offsetBytes),
  }
}

function sizeOf(info: TensorInfo, type: GgmlType): number {
  const count = elementCount(info.shape)
  const rowElements = info.shape.at(-1) ?? 1
  if (count === null || rowElements % type.blockElements !== 0) {
    throw badModelFile(`the tensor ${shown(info.name)} cannot be ${type.name} [${info.shape.join(', ')}]`)
  }
  return (count / type.blockElements) * type.blockBytes
}
