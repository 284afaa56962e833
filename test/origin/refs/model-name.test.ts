import { describe, expect, test } from 'vitest'
import { formatModelName, parseModelName, parseModelReference } from '../../../origin/index.ts'

const digest = 'a'.repeat(64)

describe('parseModelName', () => {
  test.each([
    { text: 'acme/resnet50:v3', expected: { namespace: 'acme', name: 'resnet50', tag: 'v3' } },
    { text: 'acme/resnet50', expected: { namespace: 'acme', name: 'resnet50', tag: 'latest' } },
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
    { id: 'in upper case', text: 'Acme/b' },
    { id: 'with a space', text: 'a/b c' },
    { id: 'with a newline at the end', text: 'a/b\n' },
    { id: 'with NUL', text: 'a/b\0' },
    { id: 'with a letter of another script', text: 'a/bé' },
    { id: 'with a percent sign', text: 'a%2fb/c' },
    { id: 'with a long namespace', text: `${'a'.repeat(97)}/b` },
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
