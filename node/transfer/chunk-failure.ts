/** What an error while a chunk was brought in means: to the fetch plan, or to the node itself. */
import { type ErrorCode, type HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { ChunkFailure } from '../../core/index.ts'

const codesOfStore: ReadonlySet<ErrorCode> = new Set(['DISK_FULL', 'DISK_FAILED', 'MEMORY_FULL', 'SYSTEM'])

/** The node itself cannot take the bytes: no other source can help. For errors of the store only; a source has its own. */
export function isOfStore(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && codesOfStore.has(error.code)
}

export function failureOf(error: unknown): ChunkFailure {
  if (!isHoldfastError(error)) return error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : 'closed'
  switch (error.code) {
    case 'DIGEST_MISMATCH':
      return 'mismatch'
    case 'ORIGIN_NOT_FOUND':
      return 'missing'
    case 'DEADLINE_EXCEEDED':
      return 'timeout'
    case 'OVERLOADED':
    case 'WRONG_CLUSTER_KEY':
      return 'refused'
    case 'ORIGIN_UNAVAILABLE':
    case 'ORIGIN_DENIED':
      return 'unavailable'
    default:
      return 'closed'
  }
}
