import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type DigestItem, entryKinds } from '../../../node/core/events.ts'
import { encodeCbor } from '../../../node/net/cbor.ts'
import { decodeDigest, encodeDigest, Identity } from '../../../node/net/index.ts'

let nodes: string[]
beforeAll(async () => {
  nodes = await Promise.all(Array.from({ length: 3 }, async () => (await Identity.generate()).node))
})

const anyItem = fc.record({
  node: fc.nat(2).map((index) => nodes[index] as string),
  kind: fc.constantFrom(...entryKinds),
  epoch: fc.maxSafeNat(),
  sequence: fc.maxSafeNat(),
})

test('a digest comes back as it was, with and without a range', () => {
  fc.assert(
    fc.property(fc.array(anyItem, { maxLength: 20 }), fc.boolean(), (items, wantsDigest) => {
      expect(decodeDigest(encodeDigest({ items, wantsDigest }))).toEqual({ items, wantsDigest })
      for (const range of [
        { after: null, through: null },
        { after: nodes[0] as string, through: nodes[1] as string },
      ]) {
        expect(decodeDigest(encodeDigest({ items, range, wantsDigest }))).toEqual({ items, range, wantsDigest })
      }
    }),
  )
})

test('a digest above the item limit is PEER_PROTOCOL before its ids are read', () => {
  const item: DigestItem = { node: nodes[0] as string, kind: 'state', epoch: 1, sequence: 1 }
  const bytes = encodeDigest({ items: [item, item], wantsDigest: false })
  expect(() => decodeDigest(bytes, { items: 1 })).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
})

test.each([
  { id: 'no map', value: [1] },
  { id: 'cut-off ids', value: { nodes: new Uint8Array(31), kinds: new Uint8Array(0), epochs: [], sequences: [] } },
  { id: 'unequal columns', value: { nodes: new Uint8Array(0), kinds: new Uint8Array(1), epochs: [], sequences: [] } },
  {
    id: 'negative epoch',
    value: { nodes: new Uint8Array(32), kinds: new Uint8Array(1), epochs: [-1], sequences: [0] },
  },
  {
    id: 'text for a column',
    value: { nodes: new Uint8Array(0), kinds: new Uint8Array(0), epochs: 'x', sequences: [] },
  },
  {
    id: 'one-ended range',
    value: { nodes: new Uint8Array(0), kinds: new Uint8Array(0), epochs: [], sequences: [], range: [null] },
  },
])('a malformed digest is PEER_PROTOCOL: $id', ({ value }) => {
  const bytes = encodeCbor(Array.isArray(value) ? value : { version: 1, wantsDigest: true, ...value })
  expect(() => decodeDigest(bytes)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
})
