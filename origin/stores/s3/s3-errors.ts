/** What an answer of S3, or its absence, means: whether trying again can help, and which of our errors it becomes. */
import { HoldfastError } from '../../../common/index.ts'
import { errnoOf } from '../file/errno.ts'
import type { S3Target } from './s3-url.ts'

/** The body ended early, went on too long, or did not come in time: the same request may well succeed. */
export class BrokenAnswer extends Error {
  override readonly name = 'BrokenAnswer'
}

interface S3Failure {
  readonly name: string
  readonly message: string
  readonly status: number | undefined
  readonly retryAfter: string | undefined
}

const deniedNames = new Set([
  'AccessDenied',
  'AccountProblem',
  'AuthorizationHeaderMalformed',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
])
/** A quota is told by 403 too, and has nothing to do with who asks. */
const fullNames = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull'])
const throttlingNames = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'RequestLimitExceeded',
])
const transientNames = new Set([
  'BrokenAnswer',
  'TimeoutError',
  'RequestTimeout',
  'ServiceUnavailable',
  'InternalError',
])
const transientErrnos = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
])

export const isMissing = (error: unknown): boolean => {
  const { name, status } = failureOf(error)
  return (
    name === 'NoSuchKey' ||
    name === 'NotFound' ||
    (status === 404 && name !== 'NoSuchBucket' && name !== 'NoSuchUpload')
  )
}
export const isMissingUpload = (error: unknown): boolean => failureOf(error).name === 'NoSuchUpload'
export const isPreconditionFailure = (error: unknown): boolean => failureOf(error).status === 412
export const isRangeFailure = (error: unknown): boolean => failureOf(error).status === 416
/** The store knows no conditional writes, and says so instead of ignoring the header. */
export const isUnsupported = (error: unknown): boolean => {
  const { name, status } = failureOf(error)
  return status === 501 || name === 'NotImplemented' || (status === 400 && name === 'InvalidArgument')
}

/** An answer that says that nothing was done. Silence, a cut connection or a failure inside say nothing of the kind. */
export const isRefusal = (error: unknown): boolean => {
  const { status } = failureOf(error)
  return status !== undefined && ((status >= 400 && status < 500) || status === 503)
}

export function isTransient(error: unknown): boolean {
  const { name, status } = failureOf(error)
  if (deniedNames.has(name) || fullNames.has(name) || isUnsupported(error)) return false
  if (throttlingNames.has(name) || transientNames.has(name)) return true
  if (status !== undefined && status >= 400) {
    // 409 is S3's answer to two conditional writes at the same instant, which is no answer to either.
    return status >= 500 || status === 429 || status === 408 || status === 409
  }
  const errno = errnoOf(error)
  if (errno !== undefined) return transientErrnos.has(errno)
  // Success by its status, but not readable: half an answer, or a proxy that speaks HTML.
  return status !== undefined
}

/** Milliseconds that the store asks us to wait, or 0. It names seconds, or the time of its clock from which on it may be asked. */
export function retryAfterMs(error: unknown, wallMs: number): number {
  const { retryAfter = '' } = failureOf(error)
  const waitMs = /^\s*\d+(\.\d+)?\s*$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - wallMs
  return Number.isFinite(waitMs) && waitMs > 0 ? waitMs : 0
}

export function translateS3Error(error: unknown, target: S3Target): unknown {
  if (error instanceof HoldfastError) return error
  const { name, message, status } = failureOf(error)
  // A defect of ours, not of the store.
  if (status === undefined && (error instanceof RangeError || error instanceof TypeError)) return error
  const where = target.endpoint === null ? target.url : `${target.url} at ${target.endpoint}`
  const details = { url: target.url, error: name, status: status ?? null }
  if (name === 'NoSuchBucket') {
    const text = `The bucket ${target.bucket} of the origin ${where} does not exist. Create it, or correct the URL.`
    return new HoldfastError('ORIGIN_NOT_FOUND', text, { details, cause: error })
  }
  if (fullNames.has(name) || status === 507) {
    const text = `The origin ${where} is full (${name}). Free space there with holdfast gc, or raise its quota, and push again.`
    return new HoldfastError('DISK_FULL', text, { details, cause: error })
  }
  if (deniedNames.has(name) || status === 401 || status === 403) {
    const text = `The origin ${where} refuses the credentials (${name}: ${message}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.`
    return new HoldfastError('ORIGIN_DENIED', text, { details, cause: error })
  }
  if (status === 301 || name === 'PermanentRedirect') {
    const text = `The bucket ${target.bucket} is not in the region ${target.region}. Set AWS_REGION to the one it is in.`
    return new HoldfastError('BAD_ORIGIN_URL', text, { details, cause: error })
  }
  const text = `The origin ${where} cannot be used: ${name}${message === '' || message === name ? '' : `: ${message}`}.`
  return new HoldfastError('ORIGIN_UNAVAILABLE', text, { details, cause: error })
}

/** An answer of S3 is what anybody wrote who answered: every field is looked at before it is believed. */
function failureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { name: String(error), message: '', status: undefined, retryAfter: undefined }
  const { $metadata, $response } = error as {
    $metadata?: { httpStatusCode?: unknown }
    $response?: { statusCode?: unknown; headers?: Record<string, unknown> }
  }
  const status = $metadata?.httpStatusCode ?? $response?.statusCode
  const retryAfter = $response?.headers?.['retry-after']
  // Node gathers the failures of a host's several addresses; the first tells what happened.
  const first = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  return {
    name: error.name === 'Error' || error.name === 'AggregateError' ? (errnoOf(first) ?? error.name) : error.name,
    message: first.message.slice(0, 300).replace(/\p{C}+/gu, ' '),
    status: typeof status === 'number' ? status : undefined,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
  }
}
