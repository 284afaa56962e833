/**
 * Tokens of tenants: `hf_` and 34 letters or digits, the only form that every client of the field sends. A token has 202 bits of chance,
 * so its sha256 leads nobody back to it, and that is all that nodes keep and tell each other.
 */
import { createHash, randomInt } from 'node:crypto'
import type { Sha256 } from '../../common/index.ts'

const prefix = 'hf_'
const length = 34
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const idLength = 12

export const tenantTokenPattern = new RegExp(`^${prefix}[A-Za-z0-9]{${length}}$`)

export function generateTenantToken(): string {
  return prefix + Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}

export function isTenantToken(token: string): boolean {
  return tenantTokenPattern.test(token)
}

export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** By which operators name a token: the beginning of its sha256. */
export function tokenIdOf(sha256: Sha256): string {
  return sha256.slice(0, idLength)
}
