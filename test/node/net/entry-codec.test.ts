import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Entry } from '../../../core/events.ts'
import { decodeCbor, encodeCbor } from '../../../node/net/cbor.ts'
import {
  createEntrySigner,
  decodeEntries,
  defaultEnvelopeLimits,
  encodeEntries,
  Identity,
  openEnvelope,
} from '../../../node/net/index.ts'

let author: Identity
let other: Identity
beforeAll(async () => {
  author = await Identity.generate()
  other = await Identity.generate()
})

const signerOf = (identity: Identity) =>
  createEntrySigner({ self: identity.node, sign: (bytes) => identity.sign(bytes) })
const model = (byte: number) => byte.toString(16).padStart(2, '0').repeat(32)
const count = fc.maxSafeNat()
const modelId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'))

/** Sorted, each model once: the form that the entry check asks for. */
const byModel = <T extends { model: string }>(row: fc.Arbitrary<T>) =>
  fc
    .uniqueArray(row, { maxLength: 20, selector: ({ model }) => model })
    .map((rows) => rows.toSorted((a, b) => (a.model < b.model ? -1 : 1)))
const anyAmount = fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0)

const bodies = {
  state: fc.record({
    zone: fc.string({ minLength: 1, maxLength: 20 }),
    protocolVersion: fc.constant(1),
    addresses: fc.array(fc.constant('/ip4/10.0.0.1/tcp/4001'), { maxLength: 3 }),
    bulkAddress: fc.constant('10.0.0.1:4002'),
    httpUrl: fc.constant('http://10.0.0.1:8080'),
    queueMs: anyAmount,
    tiers: fc.record({
      memory: fc.record({ freeBytes: count, limitBytes: count }),
      disk: fc.record({ freeBytes: count, limitBytes: fc.constant(null) }),
    }),
    draining: fc.boolean(),
  }),
  residency: fc.record(
    {
      models: byModel(
        fc.record({ model: modelId, tier: fc.constantFrom('device', 'memory', 'disk'), sizeBytes: count }),
      ),
      fetching: fc.uniqueArray(modelId, { minLength: 1, maxLength: 5 }).map((models) => models.toSorted()),
    },
    { requiredKeys: ['models'] },
  ),
  demand: fc.record({ rates: byModel(fc.record({ model: modelId, ratePerS: anyAmount })) }),
} as const

const anyEntry = fc.oneof(
  ...Object.entries(bodies).map(([kind, body]) =>
    fc.record({ kind: fc.constant(kind), epoch: count, sequence: count, body: body as fc.Arbitrary<unknown> }),
  ),
)
const entryBy = (identity: Identity, fields: object): Entry => ({ node: identity.node, ...fields }) as Entry
const demandOf = (identity: Identity) =>
  entryBy(identity, { kind: 'demand', epoch: 1, sequence: 2, body: { rates: [{ model: model(7), ratePerS: 2.5 }] } })

describe('an envelope', () => {
  test('brings back the entry that was signed', () => {
    fc.assert(
      fc.property(anyEntry, (fields) => {
        const entry = entryBy(author, fields)
        const signed = signerOf(author)(entry)
        expect(openEnvelope(signed.envelope as Uint8Array)).toEqual(signed)
      }),
      { numRuns: 200 },
    )
  })

  test('brings back suspicions with the ids of the suspects', () => {
    const entry = entryBy(author, {
      kind: 'suspicion',
      epoch: 3,
      sequence: 4,
      body: { suspects: [{ node: other.node, epoch: 2 ** 53 - 1, sequence: 0 }] },
    })
    const { envelope } = signerOf(author)(entry)
    expect(openEnvelope(envelope as Uint8Array)?.entry).toEqual(entry)
  })

  test('changed in any byte is refused', () => {
    const envelope = signerOf(author)(demandOf(author)).envelope as Uint8Array
    for (let position = 0; position < envelope.byteLength; position++) {
      const changed = Uint8Array.from(envelope)
      changed[position] = (changed[position] as number) ^ 1
      expect(() => openEnvelope(changed), `byte ${position}`).toThrow(
        expect.objectContaining({ code: 'PEER_PROTOCOL' }),
      )
    }
  })

  test('signed by another node than its author is refused', () => {
    const envelope = signerOf(author)(demandOf(author)).envelope as Uint8Array
    const [version, body] = decodeCbor(envelope, 'envelope') as [number, Uint8Array]
    const domain = new TextEncoder().encode('holdfast/1 entry\0')
    const forged = encodeCbor([version, body, other.sign(Buffer.concat([domain, body]))])
    expect(() => openEnvelope(forged)).toThrow(/not signed by its author/)
  })

  test('of a later version is left out, not an error', () => {
    expect(openEnvelope(encodeCbor([2, 'whatever']))).toBeNull()
    const good = signerOf(author)(demandOf(author))
    const batch = encodeCbor([1, [encodeCbor([2, 'new']), good.envelope]])
    expect(decodeEntries(batch)).toEqual([good])
  })

  test('with a body that the entry check refuses is PEER_PROTOCOL', () => {
    const twice = [model(7), model(7)].map((id) => ({ model: id, ratePerS: 1 }))
    const entry = entryBy(author, { kind: 'demand', epoch: 1, sequence: 2, body: { rates: twice } })
    const { envelope } = signerOf(author)(entry)
    expect(() => openEnvelope(envelope as Uint8Array)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  })

  test('with fields that this version does not know is opened without them', () => {
    const entry = demandOf(author)
    const envelope = signerOf(author)(entry).envelope as Uint8Array
    const [version, body] = decodeCbor(envelope, 'envelope') as [number, Uint8Array]
    const later = encodeCbor({ ...(decodeCbor(body, 'body') as object), later: 'more' })
    const signature = author.sign(Buffer.concat([new TextEncoder().encode('holdfast/1 entry\0'), later]))
    expect(openEnvelope(encodeCbor([version, later, signature]))?.entry).toEqual(entry)
  })

  /** The body of an entry, changed and signed again by its author, as a later version might make it. */
  function signedAgain(envelope: Uint8Array, change: (body: Record<string, unknown>) => object): Uint8Array {
    const [version, body] = decodeCbor(envelope, 'envelope') as [number, Uint8Array]
    const later = encodeCbor(change(decodeCbor(body, 'body') as Record<string, unknown>))
    const signature = author.sign(Buffer.concat([new TextEncoder().encode('holdfast/1 entry\0'), later]))
    return encodeCbor([version, later, signature])
  }

  test('of a kind that this version does not know is left out of its batch, and so are tiers of a residency', () => {
    const good = signerOf(author)(demandOf(author))
    const future = signedAgain(good.envelope!, (body) => ({ ...body, kind: 'weather', body: { wind: 3 } }))
    expect(openEnvelope(future)).toBeNull()
    expect(decodeEntries(encodeCbor([1, [future, good.envelope]]))).toEqual([good])
    expect(() => openEnvelope(signedAgain(good.envelope!, (body) => ({ ...body, kind: 7 })))).toThrow(
      /its kind is no text/,
    )
    const models = [3, 7].map((id) => ({ model: model(id), tier: 'disk' as const, sizeBytes: 10 }))
    const entry = entryBy(author, { kind: 'residency', epoch: 1, sequence: 1, body: { models } })
    const newTier = signedAgain(signerOf(author)(entry).envelope!, (body) => ({
      ...body,
      body: { ...(body.body as object), tiers: Uint8Array.of(200, 2) },
    }))
    expect(openEnvelope(newTier)?.entry.body).toEqual({ models: [models[1]] })
  })

  test('cannot be signed for another node', () => {
    expect(() => signerOf(author)(demandOf(other))).toThrow(/cannot be signed/)
  })

  test('above the size limit is neither made nor opened', () => {
    const limits = { ...defaultEnvelopeLimits, envelopeBytes: 100 }
    const sign = createEntrySigner({ self: author.node, sign: (bytes) => author.sign(bytes) }, limits)
    expect(() => sign(demandOf(author))).toThrow(expect.objectContaining({ code: 'REQUEST_TOO_LARGE' }))
    const envelope = signerOf(author)(demandOf(author)).envelope as Uint8Array
    expect(() => openEnvelope(envelope, limits)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  })

  test('of a thousand models fits 45 KB', () => {
    const models = Array.from({ length: 1000 }, (_, index) => ({
      model: index.toString(16).padStart(64, '0'),
      tier: 'memory' as const,
      sizeBytes: 100_000_000,
    }))
    const entry = entryBy(author, { kind: 'residency', epoch: 1, sequence: 1, body: { models } })
    expect(signerOf(author)(entry).envelope?.byteLength).toBeLessThan(45_000)
  })
})

describe('a batch', () => {
  test('brings back its entries in order', () => {
    const entries = [signerOf(author)(demandOf(author)), signerOf(other)(demandOf(other))]
    expect(decodeEntries(encodeEntries(entries))).toEqual(entries)
  })

  test('of garbage is PEER_PROTOCOL, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeEntries(bytes)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
      }),
    )
  })

  test('of well-formed CBOR that is no batch is PEER_PROTOCOL', () => {
    const value = fc.anything({ maxDepth: 3, values: [fc.string(), fc.nat(), fc.constant(null), fc.uint8Array()] })
    fc.assert(
      fc.property(value, (items) => {
        const bytes = encodeCbor([1, [items]])
        expect(() => decodeEntries(bytes)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
      }),
    )
  })

  test('nested deeper than the stack is PEER_PROTOCOL', () => {
    const deep = new Uint8Array(200_000).fill(0x81)
    expect(() => decodeEntries(deep)).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  })

  test('with too many entries is PEER_PROTOCOL', () => {
    const limits = { ...defaultEnvelopeLimits, entriesPerBatch: 1 }
    const signed = signerOf(author)(demandOf(author))
    expect(() => decodeEntries(encodeEntries([signed, signed]), limits)).toThrow(
      expect.objectContaining({ code: 'PEER_PROTOCOL' }),
    )
  })
})
