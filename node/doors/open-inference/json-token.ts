/**
 * One scalar of a JSON text at a time, straight from its bytes. Besides JSON it reads the words NaN, Infinity and -Infinity, which Python's
 * json and Triton write. An integer that no double holds is a bigint.
 */
import type { JsonElement } from './json-elements.ts'

export interface Token {
  readonly value: JsonElement
  readonly end: number
}

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const plus = 0x2b
const dot = 0x2e
const zero = 0x30
/** Powers of ten that a double holds exactly. */
const powers = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
/** Digits of a 64-bit integer. */
const integerDigitsMax = 20
const words: readonly (readonly [Buffer, JsonElement])[] = [
  [Buffer.from('true'), true],
  [Buffer.from('false'), false],
  [Buffer.from('null'), null],
  [Buffer.from('NaN'), Number.NaN],
  [Buffer.from('Infinity'), Number.POSITIVE_INFINITY],
  [Buffer.from('-Infinity'), Number.NEGATIVE_INFINITY],
]

/** Null where no scalar begins, or one that is not well-formed. */
export function readToken(text: Buffer, at: number): Token | null {
  const byte = text[at]!
  if (byte === quote) return readText(text, at)
  if (isDigit(byte) || (byte === minus && isDigit(text[at + 1]!))) return readNumber(text, at)
  for (const [word, value] of words) {
    const end = at + word.length
    if (byte === word[0] && text.subarray(at, end).equals(word)) return { value, end }
  }
  return null
}

/** The place after the closing quote of the text that begins here; -1 without one. */
export function endOfText(text: Buffer, at: number): number {
  for (let end = at + 1; ; end += 1) {
    end = text.indexOf(quote, end)
    if (end === -1) return -1
    let slashes = 0
    while (text[end - 1 - slashes] === backslash) slashes += 1
    if (slashes % 2 === 0) return end + 1
  }
}

function readText(text: Buffer, at: number): Token | null {
  const end = endOfText(text, at)
  if (end === -1) return null
  try {
    return { value: JSON.parse(text.toString('utf8', at, end)) as string, end }
  } catch {
    return null
  }
}

function readNumber(text: Buffer, start: number): Token | null {
  const isNegative = text[start] === minus
  let at = isNegative ? start + 1 : start
  const firstDigit = at
  let mantissa = 0
  for (; isDigit(text[at]!); at++) mantissa = 10 * mantissa + text[at]! - zero
  if (text[firstDigit] === zero && at > firstDigit + 1) return null
  const isInteger = text[at] !== dot && (text[at]! | 0x20) !== 0x65
  if (isInteger) {
    if (mantissa <= Number.MAX_SAFE_INTEGER) return { value: isNegative ? -mantissa : mantissa, end: at }
    const digits = text.toString('latin1', start, at)
    return { value: at - firstDigit <= integerDigitsMax ? BigInt(digits) : numberOf(digits), end: at }
  }
  let exponent = 0
  if (text[at] === dot) {
    const fraction = at + 1
    for (at = fraction; isDigit(text[at]!); at++) mantissa = 10 * mantissa + text[at]! - zero
    if (at === fraction) return null
    exponent = fraction - at
  }
  if ((text[at]! | 0x20) === 0x65) {
    const hasSign = text[at + 1] === minus || text[at + 1] === plus
    const digits = at + (hasSign ? 2 : 1)
    for (at = digits; isDigit(text[at]!); at++);
    if (at === digits) return null
    return { value: numberOf(text.toString('latin1', start, at)), end: at }
  }
  // Both are exact, so the quotient is rounded once, as it has to be.
  const isExact = mantissa <= Number.MAX_SAFE_INTEGER && -exponent < powers.length
  if (!isExact) return { value: numberOf(text.toString('latin1', start, at)), end: at }
  const value = mantissa / powers[-exponent]!
  return { value: isNegative ? -value : value, end: at }
}

/** A number beyond all doubles stays text, which is not taken for an infinity that somebody wrote. */
function numberOf(digits: string): number | string {
  const value = Number(digits)
  return Number.isFinite(value) ? value : digits
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39
}
