/** What any node may publish, every node accepts: however much it has, however wrong its clock or that of another is. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { quotasOf } from '../../../common/index.ts'
import { clampClocks, clockAheadMsMax } from '../../../core/cluster/clamp-clocks.ts'
import { checkEntry } from '../../../core/cluster/entry-check.ts'
import { defaultEntryLimits, type EntryLimits } from '../../../core/cluster/entry-checker.ts'
import { changedMsMax } from '../../../core/cluster/entry-format.ts'
import { fitBody } from '../../../core/cluster/fit-body.ts'
import { changedPin, PinSet } from '../../../core/cluster/pin-set.ts'
import { isNamespaceName, isTenantName } from '../../../core/cluster/tenant-names.ts'
import type { Entry, EntryBodies, EntryKind, PinRecord, TenantRecord } from '../../../core/events.ts'
import { entryOf, stateBody } from '../fixture.ts'

/** Small, so that lists beyond them are quickly made. */
const limits: EntryLimits = {
  textLengthMax: 70,
  addressesMax: 3,
  modelsMax: 4,
  fetchingMax: 3,
  ratesMax: 4,
  suspectsMax: 3,
  pinsMax: 3,
  tenantsMax: 3,
  tokensMax: 2,
  revokedMax: 2,
  namespacesMax: 2,
  replicasMax: 1_024,
}

const hex = fc.stringMatching(/^[0-9a-f]{64}$/)
const rising = <T>(one: fc.Arbitrary<T>, key: (item: T) => string) =>
  fc.uniqueArray(one, { maxLength: 9, selector: key }).map((items) => items.sort((a, b) => (key(a) < key(b) ? -1 : 1)))
const text = fc.string({ minLength: 1, maxLength: 100 })
const pin: fc.Arbitrary<PinRecord> = fc.record({
  name: fc.string({ minLength: 1, maxLength: 20 }),
  replicaCount: fc.nat(1_024),
  tier: fc.constantFrom('memory', 'disk'),
  changedMs: fc.maxSafeNat().map((ms) => Math.min(ms, changedMsMax)),
  by: fc.string({ minLength: 1, maxLength: 20 }),
})

const tenant: fc.Arbitrary<TenantRecord> = fc.record({
  name: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,18}$/).filter(isTenantName),
  tokens: fc.array(fc.record({ sha256: hex, createdMs: fc.nat() }), { maxLength: 2 }),
  revoked: fc.array(fc.record({ sha256: hex, revokedMs: fc.nat() }), { maxLength: 2 }),
  namespaces: fc.array(
    fc.record({ name: fc.string({ minLength: 1, maxLength: 20 }).filter(isNamespaceName), isPrivate: fc.boolean() }),
    {
      maxLength: 2,
    },
  ),
  quotas: fc.record({ requestsMax: fc.integer({ min: 1, max: 65_536 }) }).map(quotasOf),
  isRemoved: fc.boolean(),
  changedMs: fc.maxSafeNat().map((ms) => Math.min(ms, changedMsMax)),
  by: fc.string({ minLength: 1, maxLength: 20 }),
})

const bodies: { readonly [K in EntryKind]: fc.Arbitrary<EntryBodies[K]> } = {
  state: fc
    .record({
      zone: text,
      addresses: fc.array(text, { maxLength: 6 }),
      bulkAddress: text,
      httpUrl: text,
      name: text,
      version: text,
      startedMs: fc.maxSafeNat(),
      pins: rising(pin, ({ name }) => name),
      tenants: rising(tenant, ({ name }) => name),
    })
    .map((over) => stateBody(over)),
  residency: fc.record({
    models: rising(
      fc.record({ model: hex, tier: fc.constantFrom('memory', 'disk'), sizeBytes: fc.maxSafeNat() }),
      ({ model }) => model,
    ),
    fetching: rising(hex, (model) => model),
  }),
  demand: fc.record({
    rates: rising(
      fc.record({ model: hex, ratePerS: fc.double({ min: 0, max: 1e9, noNaN: true }) }),
      ({ model }) => model,
    ),
  }),
  suspicion: fc.record({
    suspects: rising(
      fc.record({
        node: fc.string({ minLength: 1, maxLength: 50 }),
        epoch: fc.maxSafeNat(),
        sequence: fc.maxSafeNat(),
      }),
      ({ node }) => node,
    ),
  }),
}

it.each(['state', 'residency', 'demand', 'suspicion'] as const)('a %s that was fitted is accepted', (kind) => {
  fc.assert(
    fc.property(bodies[kind] as fc.Arbitrary<EntryBodies[typeof kind]>, (body) => {
      const entry = { kind, node: 'a', epoch: 1, sequence: 1, body: fitBody(kind, body, limits) }
      expect(checkEntry(structuredClone(entry), limits)).toEqual(entry)
    }),
  )
})

it('what fits already is said as it is', () => {
  fc.assert(
    fc.property(bodies.residency, (body) => {
      expect(fitBody('residency', body, defaultEntryLimits)).toEqual(body)
    }),
  )
})

it('of too many models those in memory are told of', () => {
  const models = ['a', 'b', 'c', 'd', 'e', 'f'].map((name, at) => {
    return { model: name.repeat(64), tier: at < 3 ? ('disk' as const) : ('memory' as const), sizeBytes: 1 }
  })
  const told = fitBody('residency', { models }, limits).models.map(({ model }) => model[0])
  expect(told).toEqual(['a', 'd', 'e', 'f'])
})

it('a pin can be changed, and its change is accepted, whatever clock the change before was made by', () => {
  fc.assert(
    fc.property(pin, fc.integer({ min: 0, max: 4e12 }), (foreign, wallMs) => {
      const heard = clampClocks(entryOf('state', 'liar', stateBody({ pins: [foreign] })), wallMs)
      const [known] = (heard.entry as Entry<'state'>).body.pins!
      expect(known!.changedMs).toBeLessThanOrEqual(wallMs + clockAheadMsMax)
      const change = changedPin({ name: foreign.name, replicaCount: 1, tier: 'disk' }, known, 'self', wallMs)
      const pins = new PinSet()
      pins.put([known!])
      expect(pins.put([change]), 'the operator has the last word').toBe(true)
      const entry = entryOf('state', 'self', stateBody({ pins: [change] })).entry
      expect(checkEntry(structuredClone(entry))).toEqual(entry)
      expect(clampClocks({ entry, envelope: null }, wallMs + 1).entry).toEqual(entry)
    }),
  )
})

it('a tenant of the year 275,760 is heard as one of tomorrow', () => {
  fc.assert(
    fc.property(tenant, fc.integer({ min: 0, max: 4e12 }), (foreign, wallMs) => {
      const heard = clampClocks(entryOf('state', 'liar', stateBody({ tenants: [foreign] })), wallMs)
      const [known] = (heard.entry as Entry<'state'>).body.tenants!
      expect(known!.changedMs).toBeLessThanOrEqual(wallMs + clockAheadMsMax)
    }),
  )
})

it('one node that makes pins up leaves room for those of others', () => {
  const pins = new PinSet()
  const record = (name: string): PinRecord => ({ name, replicaCount: 1, tier: 'disk', changedMs: 1, by: 'x' })
  const invented = Array.from({ length: 256 }, (_, at) => record(`invented ${String(at).padStart(3, '0')}`))
  pins.receive(1, invented)
  expect(pins.all()).toHaveLength(192)
  pins.receive(2, [record('honest')])
  expect(pins.all().some(({ name }) => name === 'honest')).toBe(true)
  pins.receive(1, [...invented])
  expect(pins.all()).toHaveLength(193)
})
