import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { sumCount } from '../../../core/cluster/version.ts'
import { entryKinds, type SummaryItem } from '../../../core/events.ts'
import { decodeCbor, encodeCbor } from '../../../node/net/cbor.ts'
import { decodeVersionSummary, encodeVersionSummary, Identity } from '../../../node/net/index.ts'

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

test('a summary comes back as it was, with and without a range', () => {
  fc.assert(
    fc.property(fc.array(anyItem, { maxLength: 20 }), fc.boolean(), (items, wantsSummary) => {
      expect(decodeVersionSummary(encodeVersionSummary({ items, wantsSummary }))).toEqual({ items, wantsSummary })
      for (const range of [
        { after: null, through: null },
        { after: nodes[0] as string, through: nodes[1] as string },
      ]) {
        expect(decodeVersionSummary(encodeVersionSummary({ items, range, wantsSummary }))).toEqual({
          items,
          range,
          wantsSummary,
        })
      }
    }),
  )
})

test('is read by nodes that know the field by its name on the wire', () => {
  for (const form of [{}, { groups: [1] }]) {
    expect(decodeCbor(encodeVersionSummary({ items: [], ...form, wantsSummary: true }), 'x')).toMatchObject({
      wantsDigest: true,
    })
  }
})

test('sums come back as they were, in a summary that says nothing to a node that knows no sums', () => {
  const range = { after: nodes[0] as string, through: nodes[0] as string }
  const sums = Array.from({ length: sumCount }, (_, at) => (at % 3 === 0 ? 0 : (at * 0x9e3779b1) | 0))
  const bytes = encodeVersionSummary({ items: [], range, sums, wantsSummary: true })
  expect(decodeVersionSummary(bytes)).toEqual({ items: [], range, sums, wantsSummary: true })
  expect(bytes.byteLength).toBeLessThan(1_250)
})

test('a summary of groups comes back as it was, each node once on the wire', () => {
  const byNode = fc
    .uniqueArray(anyItem, { selector: ({ node, kind }) => `${node} ${kind}` })
    .map((items) =>
      items.toSorted((a, b) =>
        a.node === b.node ? entryKinds.indexOf(a.kind) - entryKinds.indexOf(b.kind) : a.node < b.node ? -1 : 1,
      ),
    )
  const anyGroups = fc.array(fc.integer({ min: 0, max: sumCount - 1 }))
  fc.assert(
    fc.property(byNode, anyGroups, fc.boolean(), (items, groups, wantsSummary) => {
      expect(decodeVersionSummary(encodeVersionSummary({ items, groups, wantsSummary }))).toEqual({
        items,
        groups,
        wantsSummary,
      })
    }),
  )
  const [node] = nodes as [string]
  const items = entryKinds.map((kind) => ({ node, kind, epoch: 1_790_000_000, sequence: 70 }))
  expect(encodeVersionSummary({ items, groups: [3], wantsSummary: true }).byteLength).toBeLessThan(150)
})

test('whatever bytes come, a summary or PEER_PROTOCOL', () => {
  const items: SummaryItem[] = [{ node: nodes[0] as string, kind: 'state', epoch: 1, sequence: 1 }]
  const good = [
    encodeVersionSummary({ items, groups: [1, 2], wantsSummary: true }),
    encodeVersionSummary({ items, sums: Array.from({ length: sumCount }, () => 1), wantsSummary: true }),
    encodeVersionSummary({ items, wantsSummary: false }),
  ]
  fc.assert(
    fc.property(fc.constantFrom(...good), fc.array(fc.tuple(fc.nat(), fc.nat(255))), (bytes, edits) => {
      const hostile = Uint8Array.from(bytes)
      for (const [at, byte] of edits) hostile[at % hostile.length] = byte
      try {
        decodeVersionSummary(hostile)
      } catch (error) {
        expect(error).toMatchObject({ code: 'PEER_PROTOCOL' })
      }
    }),
    { numRuns: 500 },
  )
})

test('a summary above the item limit is PEER_PROTOCOL before its ids are read', () => {
  const item: SummaryItem = { node: nodes[0] as string, kind: 'state', epoch: 1, sequence: 1 }
  const bytes = encodeVersionSummary({ items: [item, item], wantsSummary: false })
  expect(() => decodeVersionSummary(bytes, { items: 1 })).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
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
  { id: 'groups that are no bytes', value: { groups: [1], nodes: new Uint8Array(0), kinds: new Uint8Array(0) } },
  {
    id: 'more kinds than versions',
    value: {
      groups: new Uint8Array(1),
      nodes: new Uint8Array(32),
      kinds: Uint8Array.of(3),
      epochs: [1],
      sequences: [1],
    },
  },
  {
    id: 'cut-off sums',
    value: { nodes: new Uint8Array(0), kinds: new Uint8Array(0), epochs: [], sequences: [], sums: new Uint8Array(9) },
  },
  {
    id: 'one-ended range',
    value: { nodes: new Uint8Array(0), kinds: new Uint8Array(0), epochs: [], sequences: [], range: [null] },
  },
])('a malformed summary is PEER_PROTOCOL: $id', ({ value }) => {
  const bytes = encodeCbor(Array.isArray(value) ? value : { version: 1, wantsDigest: true, ...value })
  expect(() => decodeVersionSummary(bytes)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
})
