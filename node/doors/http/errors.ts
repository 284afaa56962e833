/** Errors over HTTP: status and headers are the same at every door; the body has the form of the door's protocol. */
import {
  type ErrorCode,
  type ErrorDetails,
  errorTable,
  HoldfastError,
  isOutOfDescriptors,
} from '../../../common/index.ts'
import type { HideFolders } from './without-folders.ts'

/** Seconds after which a request that met a passing shortage may try again. */
const retryAfterS = 1
const passing: ReadonlySet<ErrorCode> = new Set([
  'OVERLOADED',
  'MEMORY_FULL',
  'STORE_BUSY',
  'SHUTTING_DOWN',
  'NO_SOURCE',
  'ORIGIN_UNAVAILABLE',
  'OUT_OF_DESCRIPTORS',
  'TOO_MANY_GUESSES',
  'QUOTA_REQUESTS',
  'QUOTA_REQUEST_RATE',
  'QUOTA_QUEUED',
  'QUOTA_PINS',
])

/** An error as callers are told of it. */
export interface Refusal {
  readonly code: ErrorCode | 'INTERNAL'
  readonly message: string
  readonly action: string
  readonly details: ErrorDetails
  /** What was thrown; its text may be for the log only. */
  readonly cause: unknown
}

/** How a protocol says that a request failed. `retryAfterS`: better than the usual guess, for what passes. */
export type ErrorForm = (refusal: Refusal) => { readonly body: object; readonly retryAfterS?: number | undefined }

/** {error: {code, message, action, details}}, on all routes that are our own. */
export const ownErrorForm: ErrorForm = ({ code, message, action, details }) => ({
  body: { error: { code, message, action, details } },
})

export interface ErrorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
}

/** @param hide takes from texts what is of this machine. */
export function errorReply(error: unknown, form: ErrorForm, hide: HideFolders = (text) => text): ErrorReply {
  const known = toHoldfastError(error)
  const { message, details, ...rest } = known?.toJSON() ?? internal
  const refusal = { ...rest, message: hide(message), details: hidden(details, hide), cause: error }
  const { body, ...timing } = form(refusal)
  const headers: Record<string, string> = { 'holdfast-error': refusal.code }
  if (known !== null && passing.has(known.code))
    headers['retry-after'] = String(timing.retryAfterS ?? known.details.retryAfterS ?? retryAfterS)
  if (known?.code === 'UNAUTHORIZED') headers['www-authenticate'] = 'Bearer'
  return { status: known === null ? 500 : errorTable[known.code].status, headers, body }
}

function hidden(details: ErrorDetails, hide: HideFolders): ErrorDetails {
  const told = Object.entries(details).map(([key, value]) => {
    if (typeof value === 'string') return [key, hide(value)]
    return [key, Array.isArray(value) ? value.map((text: string) => hide(text)) : value]
  })
  return Object.fromEntries(told) as ErrorDetails
}

const internal = {
  code: 'INTERNAL',
  message: 'Internal error; the log of the node says more.',
  action: 'Look into the log of the node.',
  details: {},
} as const

/** Null for a defect of ours, whose text is for the log only. */
function toHoldfastError(error: unknown): HoldfastError | null {
  if (error instanceof HoldfastError) return error
  if (!(error instanceof Error)) return null
  if (isOutOfDescriptors(error))
    return new HoldfastError('OUT_OF_DESCRIPTORS', 'The node can open no more files; raise its limit of open files.')
  const { code, statusCode, message } = error as Error & { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new HoldfastError(
      'REQUEST_TOO_LARGE',
      'The request body is larger than http.bodyLimitBytes, or than http.jsonLimitBytes on a route that takes JSON alone.',
    )
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new HoldfastError('BAD_REQUEST', 'Send the body as JSON, with the header `content-type: application/json`.')
  }
  if (code?.startsWith('Z_') || code?.startsWith('ERR__ERROR_FORMAT') || code === 'ERR_BROTLI_INVALID') {
    return new HoldfastError('BAD_REQUEST', `The body is not what its content encoding says: ${message}.`)
  }
  // fastify's own complaints about a request: malformed JSON, a wrong content type, an invalid path.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new HoldfastError('BAD_REQUEST', message)
  if (error.name === 'TimeoutError') return new HoldfastError('DEADLINE_EXCEEDED', 'The deadline has passed.')
  return null
}
