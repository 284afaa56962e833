import { describe, expect, test } from 'vitest'
import { withNamespace } from '../../../common/index.ts'
import { formatModelName, parseModelName, parseModelReference } from '../../../origin/index.ts'
import { keyPartOf, partOfKey } from '../../../origin/refs/model-name.ts'
import { nameOfRefKey, refKey, removedKey } from '../../../origin/refs/ref.ts'

const digest = 'a'.repeat(64)

describe('parseModelName', () => {
  test.each([
    { text: 'acme/resnet50:v3', expected: { namespace: 'acme', name: 'resnet50', tag: 'v3' } },
    { text: 'acme/resnet50', expected: { namespace: 'acme', name: 'resnet50', tag: 'latest' } },
    { text: 'Qwen/Qwen2-0.5B:Q4_K_M', expected: { namespace: 'Qwen', name: 'Qwen2-0.5B', tag: 'Q4_K_M' } },
    { text: '_a/_b:_c', expected: { namespace: '_a', name: '_b', tag: '_c' } },
    { text: '0a.b_c-d/e..f:2024.01', expected: { namespace: '0a.b_c-d', name: 'e..f', tag: '2024.01' } },
  ])('reads $text', ({ text, expected }) => {
    expect(parseModelName(text)).toEqual(expected)
    expect(parseModelName(formatModelName(expected))).toEqual(expected)
  })

  test.each([
    { id: 'empty', text: '' },
    { id: 'without namespace', text: 'resnet50' },
    { id: 'with three parts', text: 'a/b/c' },
    { id: 'with an empty part', text: 'a/' },
    { id: 'with an empty tag', text: 'a/b:' },
    { id: 'with two tags', text: 'a/b:c:d' },
    { id: 'with a slash in the tag', text: 'a/b:c/d' },
    { id: 'that climbs', text: '../b' },
    { id: 'that climbs in the name', text: 'a/..:v1' },
    { id: 'that climbs in the tag', text: 'a/b:..' },
    { id: 'that hides', text: 'a/.git' },
    { id: 'that looks like an option', text: '-a/b' },
    { id: 'with a space', text: 'a/b c' },
    { id: 'with a newline at the end', text: 'a/b\n' },
    { id: 'with NUL', text: 'a/b\0' },
    { id: 'with a letter of another script', text: 'a/bé' },
    { id: 'with a percent sign', text: 'a%2fb/c' },
    { id: 'with a long namespace', text: `${'a'.repeat(97)}/b` },
    { id: 'with too many capitals for a file name', text: `a/b:${'C'.repeat(97)}` },
    { id: 'with a long tag', text: `a/b:${'c'.repeat(129)}` },
  ])('refuses a name $id, and says how to write one', ({ text }) => {
    expect(() => parseModelName(text)).toThrow(
      expect.objectContaining({ code: 'BAD_MODEL_NAME', message: expect.stringContaining('acme/resnet50:v3') }),
    )
  })

  test('shows only the beginning of an endless name', () => {
    expect(() => parseModelName('x'.repeat(100_000))).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,400}$/) }),
    )
  })
})

describe('parseModelReference', () => {
  test('tells names from digests', () => {
    expect(parseModelReference('a/b')).toEqual({ kind: 'name', name: { namespace: 'a', name: 'b', tag: 'latest' } })
    expect(parseModelReference(`sha256:${digest}`)).toEqual({ kind: 'digest', digest })
  })

  test.each([`sha256:${'A'.repeat(64)}`, 'sha256:abc', `sha256:${digest}0`, `sha512:${digest}`])(
    'refuses %s',
    (text) => {
      expect(() => parseModelReference(text)).toThrow(expect.objectContaining({ code: 'BAD_MODEL_NAME' }))
    },
  )
})

describe('names in keys', () => {
  test.each([
    { part: 'resnet50', key: 'resnet50' },
    { part: 'Qwen2-0.5B', key: '!qwen2-0.5!b' },
    { part: 'ABC', key: '!a!b!c' },
  ])('$part is $key, and back', ({ part, key }) => {
    expect([keyPartOf(part), partOfKey(key)]).toEqual([key, part])
  })

  test.each(['Qwen', '!', '!!a', 'a!', '!A', '!1'])('%s is the key of no name', (key) => {
    expect(nameOfRefKey(`refs/a/${key}/latest`)).toBeNull()
  })

  test('a capital in a key is nobody’s', () => {
    expect([partOfKey('Qwen'), partOfKey('!A')]).toEqual([null, null])
  })

  test('names that differ by case alone are different files also where capitals do not count', () => {
    const keys = ['a/b:c', 'A/b:c', 'a/B:c', 'a/b:C'].map((text) => refKey(parseModelName(text)).toLowerCase())
    expect(new Set(keys).size).toBe(4)
    for (const text of ['Qwen/Qwen2-0.5B:Q4_K_M', 'a/b:c']) {
      expect(nameOfRefKey(refKey(parseModelName(text)))).toEqual(parseModelName(text))
      expect(removedKey(parseModelName(text))).toBe(refKey(parseModelName(text)).replace('refs', 'removed'))
    }
  })
})

test('a name without a namespace is completed, and nothing else is', () => {
  expect(withNamespace('resnet', 'library')).toBe('library/resnet')
  expect(withNamespace('resnet:v3', 'library')).toBe('library/resnet:v3')
  for (const text of ['', 'a/b', 'a/b:c', 'sha256:ab']) expect(withNamespace(text, 'library')).toBe(text)
  expect(withNamespace('resnet', '')).toBe('resnet')
})
