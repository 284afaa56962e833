import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../origin/index.ts'

describe('canonicalJson', () => {
  test('sorts keys by UTF-16 code units, as the example of RFC 8785 has them', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
    expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\ud83d\ude00":5,"\ufb33":3}')
  })

  test('writes no whitespace, and leaves out fields that are undefined', () => {
    expect(canonicalJson({ b: [1, 'x', null, true], a: {}, c: undefined })).toBe('{"a":{},"b":[1,"x",null,true]}')
  })

  test.each([1.5, Number.NaN, Infinity, 2 ** 53, '\ud800', undefined, () => 1, 1n])('refuses %s', (value) => {
    expect(() => canonicalJson({ value: [value] })).toThrow('broken invariant')
  })

  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
    ),
  })).value

  test('gives one text per value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
        expect(canonicalJson(reversedKeys(value))).toBe(text)
      }),
    )
  })
})

function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversedKeys(item)]),
  )
}
