/**
 * Elements of tensors as JSON has them, written into bytes. What does not fit the datatype exactly is refused (300 as UINT8, 0.5 as INT32,
 * 1e300 as FP32), never wrapped or cut. Not-a-number and the infinities are the words that Python's json writes, bare or as text; 64-bit
 * integers are numbers of any length, or text.
 */
import { setFloat16 } from '@petamoriken/float16'
import type { Datatype } from '../../ports/index.ts'
import { bf16OfNumber, datatypeTable, ElementsWriter } from '../../runtime/index.ts'

/** As it stands in JSON. An integer beyond 2^53 is a bigint. */
export type JsonElement = number | bigint | string | boolean | null

/** Writes element `index`; false when the value does not fit. */
type SetElement = (value: JsonElement, index: number) => boolean

/** Collects the elements of one tensor, which come in order. */
export interface ElementSink {
  readonly set: SetElement
  readonly data: Uint8Array
}

export function elementSink(datatype: Datatype, count: number): ElementSink {
  if (datatype === 'BYTES') {
    const writer = new ElementsWriter()
    return {
      set: (value) => {
        if (typeof value !== 'string') return false
        writer.add(value)
        return true
      },
      get data() {
        return writer.bytes
      },
    }
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
    case 'BF16':
      return floats(3.3961775292304597e38, (value, index) => view.setUint16(index * 2, bf16OfNumber(value), true))
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
    if (!isText && typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false
    const integer = BigInt(value as string | number | bigint)
    if (integer < least || integer > most) return false
    write(integer, index)
    return true
  }
}

const words: ReadonlyMap<JsonElement, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
])

/** `most` is the largest magnitude that does not round to an infinity. */
function floats(most: number, write: (value: number, index: number) => void): SetElement {
  return (value, index) => {
    const number = typeof value === 'bigint' ? Number(value) : (words.get(value) ?? value)
    if (typeof number !== 'number' || (Math.abs(number) > most && Number.isFinite(number))) return false
    write(number, index)
    return true
  }
}
