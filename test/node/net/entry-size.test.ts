/** What the simulator counts is what the network sends. */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { byTier } from '../../../common/tiers.ts'
import { entriesBytes, entryBytes, summaryBytes } from '../../../core/cluster/entry-size.ts'
import { sumCount } from '../../../core/cluster/version.ts'
import { type Entry, entryKinds, type SignedEntry } from '../../../core/events.ts'
import { createEntrySigner, encodeEntries, encodeVersionSummary, Identity } from '../../../node/net/index.ts'
import { digest, resident, stateBody } from '../../core/fixture.ts'

let author: Identity
let nodes: string[]
let sign: (entry: Entry) => SignedEntry
beforeAll(async () => {
  author = await Identity.generate()
  nodes = await Promise.all(Array.from({ length: 4 }, async () => (await Identity.generate()).node))
  sign = createEntrySigner({ self: author.node, sign: (bytes) => author.sign(bytes) })
})

const models = Array.from({ length: 300 }, (_, at) => digest(`m${at}`)).toSorted()
const count = fc.oneof(fc.nat(30), fc.nat(300), fc.nat(70_000), fc.maxSafeNat())
const some = fc.nat(300).map((length) => models.slice(0, length))
const rate = fc.double({ min: 0, max: 1e3, noNaN: true }).map((value) => Number(value.toPrecision(3)))

const anyBody = fc.oneof(
  fc
    .record({ queueMs: count, freeBytes: count, zone: fc.constantFrom('', 'eu', 'a zone with a long name, 30') })
    .map(({ freeBytes, ...over }) => {
      const tiers = byTier(() => ({ freeBytes, limitBytes: freeBytes }))
      return { kind: 'state', body: stateBody({ ...over, tiers, reannounceMs: 300_000 }) }
    }),
  fc.tuple(some, fc.option(some), count).map(([held, fetching, sizeBytes]) => {
    const list = held.map((model) => resident(model, { sizeBytes }))
    return { kind: 'residency', body: { models: list, ...(fetching === null ? {} : { fetching }) } }
  }),
  fc.tuple(some, fc.array(rate, { minLength: 300, maxLength: 300 })).map(([wanted, rates]) => {
    return { kind: 'demand', body: { rates: wanted.map((model, at) => ({ model, ratePerS: rates[at]! })) } }
  }),
  fc.tuple(fc.nat(4), count, count).map(([length, epoch, sequence]) => {
    return { kind: 'suspicion', body: { suspects: nodes.slice(0, length).map((node) => ({ node, epoch, sequence })) } }
  }),
)

test('of any entry, but for floats that happen to be short', () => {
  fc.assert(
    fc.property(anyBody, count, count, ({ kind, body }, epoch, sequence) => {
      const entry = { kind, node: author.node, epoch, sequence, body } as Entry
      const signed = sign(entry)
      const short = kind === 'demand' ? 2 * (body as { rates: unknown[] }).rates.length : 0
      const encoded = encodeEntries([signed]).byteLength
      expect(entryBytes(entry)).toBeGreaterThanOrEqual(encoded)
      expect(entryBytes(entry)).toBeLessThanOrEqual(encoded + short)
      expect(entriesBytes([signed, signed])).toBe(encodeEntries([signed, signed]).byteLength)
    }),
  )
})

test('of any version summary', () => {
  const item = fc.record({ node: fc.nat(3), kind: fc.constantFrom(...entryKinds), epoch: count, sequence: count })
  const forms = fc.constantFrom(
    () => ({}),
    () => ({ range: { after: null, through: nodes[0]! } }),
    () => ({ sums: Array.from({ length: sumCount }, () => 7) }),
    () => ({ groups: [1, 2, 3] }),
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), forms, fc.boolean(), (drawn, form, wantsSummary) => {
      const items = drawn.map((one) => ({ ...one, node: nodes[one.node]! }))
      const sent = { items, ...form(), wantsSummary }
      expect(summaryBytes(sent)).toBe(encodeVersionSummary(sent).byteLength)
    }),
  )
})
