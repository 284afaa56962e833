import { expect, it } from 'vitest'
import { checkEntry } from '../../../core/cluster/entry-check.ts'
import { defaultTenantSetOptions, TenantSet, weightIn } from '../../../core/cluster/tenant-set.ts'
import type { TenantRecord } from '../../../core/index.ts'
import { quotasOf } from '../../../placement/index.ts'
import { entryOf, stateBody } from '../fixture.ts'

const tenant = (name: string, changedMs: number, isRemoved = false): TenantRecord => ({
  name,
  tokens: isRemoved ? [] : [{ sha256: 'a'.repeat(64), createdMs: 1 }],
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
