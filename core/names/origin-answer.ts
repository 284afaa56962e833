/** Whether a failure tells something of what was asked for, or only of the origin. */

import type { ErrorCode } from '../../common/index.ts'
import type { Failure } from '../failure.ts'

/** Somebody can put such a record into an origin that is well. */
const ofTheRecord: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNKNOWN_MODEL',
  'BAD_REF',
  'BAD_MANIFEST',
  'DIGEST_MISMATCH',
  'REQUEST_TOO_LARGE',
])

/** The origin has answered; after another failure it may have the record all the same. */
export function isAnswer({ code }: Failure): boolean {
  return ofTheRecord.has(code)
}
