/**
 * A failure as data, for events and effects. The daemon keeps the error that it met in `cause` and throws it again; the simulator makes
 * no Error objects, because a stack trace costs more than a simulated request.
 */
import {
  type ErrorCode,
  type ErrorDetails,
  HoldfastError,
  isHoldfastError,
  isOutOfDescriptors,
} from '../common/index.ts'

export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly details?: ErrorDetails
  readonly cause?: unknown
}

/** The error to throw for a failure: the one that caused it, if it was an error. */
export function errorOf(failure: Failure): Error {
  const { code, message, details, cause } = failure
  if (cause instanceof Error && code !== 'OUT_OF_DESCRIPTORS') return cause
  return new HoldfastError(code, message, details === undefined ? {} : { details })
}

/** A defect has no code of its own: it counts as refused by the system, and its error travels along. */
export function failureOf(error: unknown): Failure {
  if (isHoldfastError(error)) return { code: error.code, message: error.message, details: error.details, cause: error }
  const code = isOutOfDescriptors(error) ? 'OUT_OF_DESCRIPTORS' : 'SYSTEM'
  return { code, message: error instanceof Error ? error.message : String(error), cause: error }
}
