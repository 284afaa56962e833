/**
 * Canonical JSON: one byte string per value, so that a digest or signature over it is well defined.
 *
 * The part of RFC 8785 (JSON Canonicalization Scheme) that our records need: keys sorted by UTF-16 code units, no
 * whitespace, strings as JSON.stringify writes them, and of numbers only the integers that a double holds exactly.
 * https://www.rfc-editor.org/rfc/rfc8785
 */
import { assertInvariant } from '../../common/index.ts'

export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value)
    case 'number':
      assertInvariant(Number.isSafeInteger(value), `canonical JSON has safe integers only, not ${value}`)
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value as Record<string, unknown>)
    default:
      throw new Error(`broken invariant: canonical JSON has no ${typeof value}`)
  }
}

export function canonicalBytes(value: unknown): Uint8Array {
  return Buffer.from(canonicalJson(value), 'utf8')
}

function canonicalString(text: string): string {
  // RFC 8785 3.2.2.2: a lone surrogate has no UTF-8 form; writing U+FFFD for it would give two values one digest.
  assertInvariant(text.isWellFormed(), 'canonical JSON has well-formed strings only')
  return JSON.stringify(text)
}

function canonicalArray(values: readonly unknown[]): string {
  let text = '['
  for (let i = 0; i < values.length; i++) text += (i === 0 ? '' : ',') + canonicalJson(values[i])
  return `${text}]`
}

function canonicalObject(object: Readonly<Record<string, unknown>>): string {
  let text = '{'
  for (const key of Object.keys(object).sort()) {
    const value = object[key]
    // An absent optional field and one that is present as undefined are the same record.
    if (value === undefined) continue
    text += `${(text === '{' ? '' : ',') + canonicalString(key)}:${canonicalJson(value)}`
  }
  return `${text}}`
}
