/**
 * CBOR as it is spoken between nodes: definite lengths, shortest forms, no tags, no big integers, no NaN or Infinity, each map
 * key once. Whatever a peer sends becomes a plain value or PEER_PROTOCOL; nothing else is ever thrown.
 */
import { decode, encode } from 'cborg'
import { HoldfastError } from '../../common/index.ts'

const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
}

export type PlainMap = Readonly<Record<string, unknown>>

/** A copy of its own: the encoder's result may be a piece of a pool that a long-lived envelope would keep alive. */
export function encodeCbor(value: unknown): Uint8Array {
  return new Uint8Array(encode(value, { ignoreUndefinedProperties: true }))
}

/** Values in one message. A summary of 10,000 nodes has 200,000; an empty list takes one byte on its way and sixty in memory. */
export const itemsMax = 2 ** 19

/** `what` names the thing in the error message. A deep nest overflows the decoder's stack: a RangeError, caught like the rest. */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  try {
    if (bytes.byteLength > itemsMax && hasTooManyItems(bytes)) throw new Error(`it has more than ${itemsMax} values`)
    return decode(bytes, decodeOptions)
  } catch (error) {
    throw malformed(what, error instanceof Error ? error.message : String(error), error)
  }
}

export function malformed(what: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('PEER_PROTOCOL', `Malformed ${what}: ${why}. Its sender may run another version.`, { cause })
}

export function isPlainMap(value: unknown): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

export function isBytes(value: unknown, lengthBytes?: number): value is Uint8Array {
  return value instanceof Uint8Array && (lengthBytes === undefined || value.byteLength === lengthBytes)
}

/** A count, size, epoch or sequence: an integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Goes from head to head without making values. What is malformed is the decoder's to refuse. */
function hasTooManyItems(bytes: Uint8Array): boolean {
  let at = 0
  for (let items = 0; at < bytes.byteLength; items += 1) {
    if (items >= itemsMax) return true
    const first = bytes[at]!
    const [major, short] = [first >> 5, first & 31]
    const argumentBytes = short < 24 ? 0 : short < 28 ? 1 << (short - 24) : 0
    let argument = short
    if (argumentBytes > 0) {
      argument = 0
      for (let place = 1; place <= argumentBytes; place += 1) argument = argument * 256 + (bytes[at + place] ?? 0)
    }
    // Strings of bytes and of text have their length; all else goes on with the next head.
    at += 1 + argumentBytes + (major === 2 || major === 3 ? argument : 0)
  }
  return false
}
