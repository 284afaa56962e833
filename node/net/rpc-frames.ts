/**
 * The two frames of a call: a request and an answer, CBOR, length-prefixed by the stream.
 *
 *   request = {version: 1, method, payload}
 *   answer  = {version: 1, payload} or {version: 1, code, message, last}
 *
 * `last`: the request was not read to its end, so that no other can follow on this stream.
 */

import { HoldfastError, isErrorCode, isHoldfastError } from '../../common/index.ts'
import { isReadableVersion, spokenVersion } from '../system/index.ts'
import { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed, type PlainMap } from './cbor.ts'

const methodCharsMax = 128
/** An error's text is for people; a hostile one must not fill the log. */
const messageCharsMax = 2048

export interface CallRequest {
  readonly method: string
  readonly payload: Uint8Array
}

export function encodeRequest(request: CallRequest): Uint8Array {
  return encodeCbor({ version: spokenVersion, method: request.method, payload: request.payload })
}

export function decodeRequest(frame: Uint8Array): CallRequest {
  const value = versioned(frame, 'request')
  const { method, payload } = value
  if (typeof method !== 'string' || method.length > methodCharsMax || !isBytes(payload)) {
    throw malformed('request', 'its method or payload has another form')
  }
  return { method, payload }
}

export function encodeAnswer(payload: Uint8Array): Uint8Array {
  return encodeCbor({ version: spokenVersion, payload })
}

/** Only errors of the table tell their text; anything else is a defect here, of which a peer learns no details. */
export function encodeFailure(error: unknown, { isLast }: { readonly isLast: boolean }): Uint8Array {
  const known = isHoldfastError(error)
  return encodeCbor({
    version: spokenVersion,
    code: known ? error.code : 'PEER_PROTOCOL',
    message: known
      ? error.message.slice(0, messageCharsMax)
      : 'The node failed to handle the request; its log says why.',
    ...(isLast ? { last: true } : {}),
  })
}

export interface CallAnswer {
  /** What the other side answered: the payload, or its error. */
  readonly outcome: Uint8Array | HoldfastError
  readonly isLast: boolean
}

/** PEER_PROTOCOL for what is no answer. */
export function decodeAnswer(frame: Uint8Array): CallAnswer {
  const value = versioned(frame, 'answer')
  if (isBytes(value.payload)) return { outcome: value.payload, isLast: false }
  const { code, message } = value
  if (typeof code !== 'string' || typeof message !== 'string')
    throw malformed('answer', 'it has neither payload nor code')
  return { outcome: errorOf(code, message.slice(0, messageCharsMax)), isLast: value.last === true }
}

function errorOf(code: string, message: string): HoldfastError {
  if (isErrorCode(code)) return new HoldfastError(code, message)
  const unknown = code.slice(0, methodCharsMax)
  return new HoldfastError('PEER_PROTOCOL', `A peer answered with the unknown error ${unknown}: ${message}`)
}

function versioned(frame: Uint8Array, what: string): PlainMap {
  const value = decodeCbor(frame, what)
  if (!isPlainMap(value) || !isCount(value.version)) throw malformed(what, 'it has no version')
  if (!isReadableVersion(value.version)) throw malformed(what, `it has version ${value.version}`)
  return value
}
