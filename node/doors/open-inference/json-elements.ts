/**
 * Tensor elements in JSON and in bytes. Decoding refuses what does not fit the datatype exactly (300 as UINT8, 0.5 as INT32,
 * 1e300 as FP32) instead of wrapping it. 64-bit integers beyond 2^53 travel as decimal strings, which JSON numbers cannot carry.
 */
import { getFloat16, setFloat16 } from '@petamoriken/float16'
import type { Datatype } from '../../ports/index.ts'
import { datatypeTable } from '../../runtime/index.ts'

export type JsonElement = number | string | boolean | null

/** Writes element `index`; false when the value does not fit. */
type SetElement = (value: unknown, index: number) => boolean

/** Collects the elements of one tensor. */
export interface ElementSink {
  readonly set: SetElement
  readonly data: Uint8Array | readonly string[]
}

export function elementSink(datatype: Datatype, count: number): ElementSink {
  if (datatype === 'BYTES') {
    const data = new Array<string>(count).fill('')
    const set: SetElement = (value, index) => {
      if (typeof value !== 'string') return false
      data[index] = value
      return true
    }
    return { set, data }
  }
  const data = new Uint8Array(count * datatypeTable[datatype].sizeBytes)
  return { set: setterOf(datatype, new DataView(data.buffer)), data }
}

function setterOf(datatype: Exclude<Datatype, 'BYTES'>, view: DataView): SetElement {
  switch (datatype) {
    case 'BOOL':
      return (value, index) => {
        if (value !== true && value !== false && value !== 0 && value !== 1) return false
        view.setUint8(index, Number(value))
        return true
      }
    case 'UINT8':
      return integers(0, 2 ** 8 - 1, (value, index) => view.setUint8(index, value))
    case 'UINT16':
      return integers(0, 2 ** 16 - 1, (value, index) => view.setUint16(index * 2, value, true))
    case 'UINT32':
      return integers(0, 2 ** 32 - 1, (value, index) => view.setUint32(index * 4, value, true))
    case 'INT8':
      return integers(-(2 ** 7), 2 ** 7 - 1, (value, index) => view.setInt8(index, value))
    case 'INT16':
      return integers(-(2 ** 15), 2 ** 15 - 1, (value, index) => view.setInt16(index * 2, value, true))
    case 'INT32':
      return integers(-(2 ** 31), 2 ** 31 - 1, (value, index) => view.setInt32(index * 4, value, true))
    case 'UINT64':
      return bigIntegers(0n, 2n ** 64n - 1n, (value, index) => view.setBigUint64(index * 8, value, true))
    case 'INT64':
      return bigIntegers(-(2n ** 63n), 2n ** 63n - 1n, (value, index) => view.setBigInt64(index * 8, value, true))
    case 'FP16':
      return floats(65519.99609375, (value, index) => setFloat16(view, index * 2, value, true))
    case 'FP32':
      return floats(3.4028235677973362e38, (value, index) => view.setFloat32(index * 4, value, true))
    case 'FP64':
      return floats(Number.MAX_VALUE, (value, index) => view.setFloat64(index * 8, value, true))
  }
}

function integers(least: number, most: number, write: (value: number, index: number) => void): SetElement {
  return (value, index) => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) return false
    write(value as number, index)
    return true
  }
}

function bigIntegers(least: bigint, most: bigint, write: (value: bigint, index: number) => void): SetElement {
  return (value, index) => {
    const isText = typeof value === 'string' && /^-?\d{1,20}$/.test(value)
    if (!isText && !Number.isSafeInteger(value)) return false
    const integer = BigInt(value as string | number)
    if (integer < least || integer > most) return false
    write(integer, index)
    return true
  }
}

/** `most` is the largest magnitude that does not round to an infinity. */
function floats(most: number, write: (value: number, index: number) => void): SetElement {
  return (value, index) => {
    if (typeof value !== 'number' || !(Math.abs(value) <= most)) return false
    write(value, index)
    return true
  }
}

/** Elements in row-major order. NaN and the infinities become null, as JSON has no word for them. */
export function jsonElements(datatype: Datatype, data: Uint8Array | readonly string[]): JsonElement[] {
  if (!(data instanceof Uint8Array)) return [...data]
  if (datatype === 'BYTES') throw new TypeError('BYTES elements are strings')
  const sizeBytes = datatypeTable[datatype].sizeBytes
  const get = getterOf(datatype, new DataView(data.buffer, data.byteOffset, data.byteLength))
  return Array.from({ length: data.byteLength / sizeBytes }, (_, index) => get(index * sizeBytes))
}

function getterOf(datatype: Exclude<Datatype, 'BYTES'>, view: DataView): (offset: number) => JsonElement {
  switch (datatype) {
    case 'BOOL':
      return (offset) => view.getUint8(offset) !== 0
    case 'UINT8':
      return (offset) => view.getUint8(offset)
    case 'UINT16':
      return (offset) => view.getUint16(offset, true)
    case 'UINT32':
      return (offset) => view.getUint32(offset, true)
    case 'UINT64':
      return (offset) => exact(view.getBigUint64(offset, true))
    case 'INT8':
      return (offset) => view.getInt8(offset)
    case 'INT16':
      return (offset) => view.getInt16(offset, true)
    case 'INT32':
      return (offset) => view.getInt32(offset, true)
    case 'INT64':
      return (offset) => exact(view.getBigInt64(offset, true))
    case 'FP16':
      return (offset) => finite(getFloat16(view, offset, true))
    case 'FP32':
      return (offset) => finite(view.getFloat32(offset, true))
    case 'FP64':
      return (offset) => finite(view.getFloat64(offset, true))
  }
}

function exact(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
