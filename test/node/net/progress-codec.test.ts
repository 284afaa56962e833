import { describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import type { Progress } from '../../../core/index.ts'
import { encodeCbor } from '../../../node/net/cbor.ts'
import { Identity } from '../../../node/net/index.ts'
import { decodeProgress, encodeProgress } from '../../../node/net/progress-codec.ts'
import { digest } from '../../core/fixture.ts'

const blob = Buffer.from(digest('blob'), 'hex')
const { node } = await Identity.generate()
const form = { version: 1, model: Buffer.from(digest('model'), 'hex'), sequence: 1, lacks: null, got: [], asks: [] }

describe('news of a fetch', () => {
  test.each<Partial<Progress>>([
    { lacks: [] },
    { lacks: null, got: [{ blob: digest('blob'), ranges: [0, 3, 5, 6, 9_000, 10_000] }] },
    { asks: [{ blob: digest('blob'), index: 7, node }] },
    { asks: [{ blob: digest('blob'), index: 7, node: null }], wantsAll: true },
  ])('come as they were sent: %j', (given) => {
    const rest = { model: digest('model'), sequence: 3, lacks: null, got: [], asks: [], wantsAll: false }
    const progress = { ...rest, ...given }
    expect(decodeProgress(encodeProgress(progress))).toEqual(progress)
  })

  test.each([
    ['no map', []],
    ['a version that cannot be read', { ...form, version: 0, wantsAll: true }],
    ['no flag', form],
    ['a short digest', { ...form, model: blob.subarray(1), wantsAll: true }],
    ['ranges without an end', { ...form, got: [[blob, [1, 2, 3]]], wantsAll: true }],
    ['ranges that fall', { ...form, got: [[blob, [4, 2]]], wantsAll: true }],
    ['an index below zero', { ...form, asks: [[blob, -1, null]], wantsAll: true }],
    ['a node that is no key', { ...form, asks: [[blob, 1, blob.subarray(1)]], wantsAll: true }],
    ['a list for a blob', { ...form, lacks: [[[], []]], wantsAll: true }],
  ])('of another form are refused: %s', (_what, value) => {
    const decode = () => decodeProgress(encodeCbor(value))
    expect(decode).toThrow(HoldfastError)
    expect(decode).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  })

  test('have bounds: more blobs, requests or ranges are refused', () => {
    const limits = { blobs: 1, asks: 1, ends: 2 }
    const ask = { blob: digest('blob'), index: 1, node: null }
    const rest = { model: digest('model'), sequence: 1, lacks: null, got: [], asks: [], wantsAll: false }
    const range = { blob: digest('blob'), ranges: [0, 1] }
    for (const over of [{ asks: [ask, ask] }, { got: [range, range] }, { got: [{ ...range, ranges: [0, 1, 2, 3] }] }]) {
      expect(() => decodeProgress(encodeProgress({ ...rest, ...over }), limits)).toThrow('Malformed progress')
    }
  })
})
