/**
 * Errors over HTTP. On our own routes: {error: {code, message, action, details}}. On the Open Inference Protocol's routes: its
 * form, {error: "message"}, with our code in the header `holdfast-error`.
 */
import { type ErrorCode, errorTable, HoldfastError } from '../../../common/index.ts'
import type { LoadingView } from '../admin/loading-view.ts'

/** Seconds after which a request that met a passing shortage may try again. */
const retryAfterS = 1
const passing: ReadonlySet<ErrorCode> = new Set([
  'OVERLOADED',
  'MEMORY_FULL',
  'STORE_BUSY',
  'SHUTTING_DOWN',
  'NO_SOURCE',
  'ORIGIN_UNAVAILABLE',
])

/** How far a model was when a request for it failed: kept beside the error, because the error may be of many requests. */
export const loadingOf = new WeakMap<HoldfastError, LoadingView>()

export interface ErrorReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export function errorReply(error: unknown, options: { readonly isProtocolRoute: boolean }): ErrorReply {
  const known = toHoldfastError(error)
  const loading = error instanceof HoldfastError ? loadingOf.get(error) : undefined
  const headers: Record<string, string> = { 'holdfast-error': known?.code ?? 'INTERNAL' }
  if (known !== null && passing.has(known.code)) headers['retry-after'] = String(loading?.etaSeconds ?? retryAfterS)
  const message = known?.message ?? 'internal error; the log of the node says more.'
  const status = known === null ? 500 : errorTable[known.code].status
  const ours = known?.toJSON() ?? { code: 'INTERNAL', message, action: 'Look into the log of the node.', details: {} }
  const body = options.isProtocolRoute ? { error: message } : { error: ours }
  return { status, headers, body: loading === undefined ? body : { ...body, loading } }
}

/** Null for a defect of ours, whose text is for the log only. */
function toHoldfastError(error: unknown): HoldfastError | null {
  if (error instanceof HoldfastError) return error
  if (!(error instanceof Error)) return null
  const { code, statusCode, message } = error as Error & { code?: string; statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new HoldfastError('REQUEST_TOO_LARGE', 'the request body is larger than http.bodyLimitBytes.')
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new HoldfastError('BAD_REQUEST', 'send the body as JSON, with the header `content-type: application/json`.')
  }
  // fastify's own complaints about a request: malformed JSON, a wrong content type, an invalid path.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new HoldfastError('BAD_REQUEST', message)
  if (error.name === 'TimeoutError') return new HoldfastError('DEADLINE_EXCEEDED', 'the deadline has passed.')
  return null
}
