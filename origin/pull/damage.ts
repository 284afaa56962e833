/** Codes that say: this one model is damaged, the origin itself is well. */
import { isHoldfastError } from '../../common/index.ts'

const damageCodes: readonly string[] = ['BAD_REF', 'BAD_MANIFEST', 'DIGEST_MISMATCH', 'ORIGIN_NOT_FOUND']

export function isDamage(error: unknown): boolean {
  return isHoldfastError(error) && damageCodes.includes(error.code)
}
