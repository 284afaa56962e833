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

/** `what` names the thing in the error message. A deep nest overflows the decoder's stack: a RangeError, caught like the rest. */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  try {
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
