/**
 * The two frames of a call: a request and an answer, CBOR, one each per stream, length-prefixed by the stream.
 *
 *   request = {version: 1, method, payload}
 *   answer  = {version: 1, payload} or {version: 1, code, message}
 */
import { HoldfastError, isErrorCode, isHoldfastError } from '../../placement/errors.ts'
import { isReadableVersion, spokenVersion } from '../protocol-version.ts'
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
export function encodeFailure(error: unknown): Uint8Array {
  const known = isHoldfastError(error)
  return encodeCbor({
    version: spokenVersion,
    code: known ? error.code : 'PEER_PROTOCOL',
    message: known
      ? error.message.slice(0, messageCharsMax)
      : 'The node failed to handle the request; its log says why.',
  })
}

/** The payload; or throws the error that the other side answered with. */
export function decodeAnswer(frame: Uint8Array): Uint8Array {
  const value = versioned(frame, 'answer')
  if (isBytes(value.payload)) return value.payload
  const { code, message } = value
  if (typeof code !== 'string' || typeof message !== 'string')
    throw malformed('answer', 'it has neither payload nor code')
  const text = message.slice(0, messageCharsMax)
  if (isErrorCode(code)) throw new HoldfastError(code, text)
  throw new HoldfastError(
    'PEER_PROTOCOL',
    `A peer answered with the unknown error ${code.slice(0, methodCharsMax)}: ${text}`,
  )
}

function versioned(frame: Uint8Array, what: string): PlainMap {
  const value = decodeCbor(frame, what)
  if (!isPlainMap(value) || !isCount(value.version)) throw malformed(what, 'it has no version')
  if (!isReadableVersion(value.version)) throw malformed(what, `it has version ${value.version}`)
  return value
}
