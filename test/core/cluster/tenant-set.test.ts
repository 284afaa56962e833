import fc from 'fast-check'
import { expect, it } from 'vitest'
import { quotasOf } from '../../../common/index.ts'
import { checkEntry } from '../../../core/cluster/entry-check.ts'
import { defaultEntryLimits } from '../../../core/cluster/entry-checker.ts'
import { defaultPinSetOptions } from '../../../core/cluster/pin-set.ts'
import { changedTenant, defaultTenantSetOptions, TenantSet, weightIn } from '../../../core/cluster/tenant-set.ts'
import type { Entry, TenantRecord } from '../../../core/index.ts'
import { defaultClusterPinsOptions } from '../../../node/replication/cluster-pins.ts'
import { defaultTenantRegistryOptions } from '../../../node/tenants/tenant-registry.ts'
import { entryOf, stateBody } from '../fixture.ts'

const tenant = (name: string, changedMs: number, isRemoved = false): TenantRecord => ({
  name,
  tokens: isRemoved ? [] : [{ sha256: 'a'.repeat(64), createdMs: 1 }],
  revoked: [],
  namespaces: [],
  quotas: quotasOf({}),
  isRemoved,
  changedMs,
  by: 'a',
})

it('a removed tenant stays removed when a node that was away says the old record', () => {
  const tenants = new TenantSet()
  tenants.put([tenant('x', 10)])
  tenants.put([tenant('x', 11, true)])
  tenants.receive(5, [tenant('x', 10)])
  expect(tenants.active()).toEqual([])
  expect(tenants.all()).toMatchObject([{ name: 'x', isRemoved: true }])
})

const token = (at: number) => ({ sha256: String(at).padStart(64, '0'), createdMs: 1 })

it('a token that was revoked stays so when a node that had not heard of it changes something else later', () => {
  const [a, b] = [new TenantSet(), new TenantSet()]
  const first = { ...tenant('x', 10), tokens: [token(1), token(2)] }
  for (const set of [a, b]) set.put([first])
  a.put([changedTenant({ ...first, tokens: [token(2)] }, first, 'a', 20)])
  b.put([changedTenant({ ...first, quotas: quotasOf({ weight: 7 }) }, first, 'b', 30)])
  a.receive(2, b.all())
  b.receive(1, a.all())
  for (const set of [a, b]) {
    expect(set.get('x')).toMatchObject({ tokens: [token(2)], quotas: { weight: 7 }, changedMs: 31 })
    expect(set.get('x')!.revoked.map(({ sha256 }) => sha256)).toEqual([token(1).sha256])
  }
})

it('nodes come to the same tenant in whatever order they hear of changes, and no revoked token is valid', () => {
  const nodes = [0, 1, 2]
  const node = fc.constantFrom(...nodes)
  const step = fc.oneof(
    fc.record({ node, revoke: fc.nat(defaultTenantSetOptions.revokedMax - 1) }),
    fc.record({ node, weight: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ node, hears: node }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20 }),
      fc.array(fc.nat(5), { minLength: 20, maxLength: 20 }),
      (steps, gaps) => {
        const first = { ...tenant('x', 10), tokens: Array.from({ length: 8 }, (_, at) => token(at)) }
        const sets = nodes.map(() => new TenantSet())
        for (const set of sets) set.put([first])
        const revoked = new Set<string>()
        let wallMs = 10
        for (const [at, one] of steps.entries()) {
          wallMs += gaps[at]!
          const set = sets[one.node]!
          const known = set.get('x')!
          if ('hears' in one) set.receive(one.hears, sets[one.hears]!.all())
          else if ('weight' in one) {
            const quotas = quotasOf({ weight: one.weight })
            set.put([changedTenant({ ...known, quotas }, known, `n${one.node}`, wallMs)])
          } else {
            const { sha256 } = token(one.revoke)
            revoked.add(sha256)
            const tokens = known.tokens.filter((kept) => kept.sha256 !== sha256)
            if (tokens.length < known.tokens.length)
              set.put([changedTenant({ ...known, tokens }, known, `n${one.node}`, wallMs)])
          }
        }
        for (let round = 0; round < 4; round += 1) {
          for (const from of nodes) for (const to of nodes) if (from !== to) sets[to]!.receive(from, sets[from]!.all())
        }
        const [record, ...others] = sets.map((set) => set.get('x')!)
        for (const other of others) expect(other).toEqual(record)
        expect(record!.tokens.filter(({ sha256 }) => revoked.has(sha256))).toEqual([])
        expect(record!.tokens).toHaveLength(8 - revoked.size)
      },
    ),
  )
})

it('a record of a tenant has no more revocations than other nodes take', () => {
  expect(defaultTenantSetOptions.revokedMax).toBe(defaultEntryLimits.revokedMax)
  const known = { ...tenant('x', 1), tokens: Array.from({ length: 20 }, (_, at) => token(at)) }
  expect(changedTenant({ ...known, tokens: [] }, known, 'a', 5).revoked).toHaveLength(defaultEntryLimits.revokedMax)
})

it('a removed tenant is forgotten after a month, a tenant never', () => {
  const tenants = new TenantSet()
  tenants.put([tenant('gone', 0, true), tenant('kept', 0)])
  tenants.prune(defaultTenantSetOptions.removedKeptMs - 1)
  expect(tenants.all()).toHaveLength(2)
  tenants.prune(defaultTenantSetOptions.removedKeptMs)
  expect(tenants.all()).toMatchObject([{ name: 'kept' }])
})

it('a tenant has its weight, and whoever is no tenant has 1', () => {
  const tenants = new TenantSet()
  tenants.put([{ ...tenant('x', 1), quotas: quotasOf({ weight: 5 }) }])
  expect([weightIn(tenants, 'x'), weightIn(tenants, 'public')]).toEqual([5, 1])
  tenants.put([{ ...tenant('x', 2, true), quotas: quotasOf({ weight: 5 }) }])
  expect(weightIn(tenants, 'x')).toBe(1)
})

it.each(['public', 'operator', 'admin', 'Team', '', 'x'.repeat(64)])(
  'a node that tells of a tenant called %j is not believed',
  (name) => {
    const say = (called: string) => entryOf('state', 'liar', stateBody({ tenants: [tenant(called, 1)] })).entry
    expect(checkEntry(say('team-a'))).toMatchObject({ body: { tenants: [{ name: 'team-a' }] } })
    expect(() => checkEntry(say(name))).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
  },
)

it.each(['*', 'a*', '', 'a/b', '..', '-a', 'x'.repeat(97)])('nor one that tells of a namespace called %j', (name) => {
  const say = (called: string) => {
    const namespaces = [{ name: called, isPrivate: false }]
    return entryOf('state', 'liar', stateBody({ tenants: [{ ...tenant('team-a', 1), namespaces }] })).entry
  }
  expect(checkEntry(say('acme'))).toMatchObject({ body: { tenants: [{ namespaces: [{ name: 'acme' }] }] } })
  expect(() => checkEntry(say(name))).toThrow(expect.objectContaining({ code: 'PEER_PROTOCOL' }))
})

it('a quota of a later version is passed on by a node that does not know it, within a bound', () => {
  const told = (quotas: object) => {
    const { entry } = entryOf('state', 'newer', stateBody({ tenants: [{ ...tenant('x', 1), quotas } as TenantRecord] }))
    return (checkEntry(entry) as Entry<'state'>).body.tenants![0]!.quotas
  }
  expect(told({ weight: 5, bytesMax: 7 })).toEqual({ ...quotasOf({ weight: 5 }), bytesMax: 7 })
  expect(told({ 'no quota': 1, bytesMax: 'x' })).toEqual(quotasOf({}))
  const many = Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`q${'a'.repeat(at % 31)}`, at]))
  expect(Object.keys(told(many))).toHaveLength(Object.keys(quotasOf({})).length + 16)
})

it('no more tenants than the limit are kept, and one node is the first to tell of its share of them', () => {
  const tenants = new TenantSet({ ...defaultTenantSetOptions, tenantsMax: 3, tenantsPerAuthorMax: 2 })
  tenants.receive(
    1,
    ['a', 'b', 'c', 'd'].map((name) => tenant(name, 1)),
  )
  expect(tenants.all().map(({ name }) => name)).toEqual(['a', 'b'])
  tenants.receive(2, [tenant('e', 1)])
  tenants.receive(3, [tenant('f', 1)])
  expect(tenants.all().map(({ name }) => name)).toEqual(['a', 'b', 'e'])
})

const many = (prefix: string, count: number, changedMs: number, isRemoved = false) =>
  Array.from({ length: count }, (_, at) => tenant(`${prefix}${String(at).padStart(3, '0')}`, changedMs + at, isRemoved))

it('one node may be the first to tell of as many tenants and pins as operators may make there', () => {
  expect(defaultTenantSetOptions.tenantsPerAuthorMax).toBe(defaultTenantRegistryOptions.tenantsMax)
  expect(defaultPinSetOptions.pinsPerAuthorMax).toBe(defaultClusterPinsOptions.pinsMax)
})

it('removed tenants take no room from those in force, whichever node told of them first', () => {
  const removed = many('a', 36, 1, true)
  const kept = many('b', 60, 1)
  const other = new TenantSet()
  other.receive(1, [...removed, ...kept])
  other.receive(1, [...removed, ...kept, ...many('c', 36, 1)])
  expect(other.active()).toHaveLength(96)
})

it('where all room is taken a tenant replaces the one that was removed first, and a removal an earlier one only', () => {
  const tenants = new TenantSet({ ...defaultTenantSetOptions, tenantsMax: 3 })
  tenants.put([tenant('kept', 1), tenant('gone-2', 20, true), tenant('gone-1', 10, true)])
  expect(tenants.put([tenant('new', 5)])).toBe(true)
  expect(tenants.all().map(({ name }) => name)).toEqual(['gone-2', 'kept', 'new'])
  expect(tenants.put([tenant('gone-1', 10, true)])).toBe(false)
  expect(tenants.put([tenant('gone-3', 30, true)])).toBe(true)
  expect(tenants.all().map(({ name }) => name)).toEqual(['gone-3', 'kept', 'new'])
  tenants.put([tenant('last', 5)])
  expect(tenants.put([tenant('too-many', 50)])).toBe(false)
})

it('nodes that hear of the same records in different orders keep the same', () => {
  const records = [...many('a', 90, 1), ...many('b', 96, 1_000, true)]
  const [one, other] = [new TenantSet(), new TenantSet()]
  one.put(records)
  other.put(records.toReversed())
  expect(one.all()).toHaveLength(defaultTenantSetOptions.tenantsMax)
  expect(other.all()).toEqual(one.all())
})

it('a removal that was forgotten does not come back from a node that has not yet forgotten it', () => {
  const tenants = new TenantSet()
  const { removedKeptMs } = defaultTenantSetOptions
  tenants.put([tenant('x', 10, true)])
  tenants.prune(removedKeptMs + 10)
  tenants.receive(1, [tenant('x', 10, true), tenant('y', 11, true)])
  expect(tenants.all()).toMatchObject([{ name: 'y' }])
})
