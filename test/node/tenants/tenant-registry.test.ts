/** The registry over a real core: what operators change, what others hear, what survives a restart. */
import { describe, expect, it } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import { NodeCore, type TenantRecord } from '../../../core/index.ts'
import { silentLog } from '../../../node/system/log.ts'
import { hashOfToken } from '../../../node/tenants/index.ts'
import {
  defaultTenantRegistryOptions,
  TenantRegistry,
  type TenantRegistryOptions,
} from '../../../node/tenants/tenant-registry.ts'
import { tenantTokenPattern } from '../../../node/tenants/tokens.ts'
import { entryOf, sign, stateBody } from '../../core/fixture.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'

async function node(self = 'self', state = new MemoryState(), options: Partial<TenantRegistryOptions> = {}) {
  const clock = new ManualClock()
  const core = new NodeCore({ self, epoch: 1, sign, random: createPrng(1) })
  const driver = { dispatch: (event: object) => void core.step({ ...event, nowMs: clock.nowMs() } as never) }
  const registry = new TenantRegistry({ self, core, driver, state, clock, log: silentLog }, options)
  await registry.load()
  const hear = (tenants: readonly TenantRecord[], sequence: number) => {
    const entries = [entryOf('state', 'other', stateBody({ tenants }), { sequence })]
    core.step({ kind: 'entries', from: 'other', entries, nowMs: clock.nowMs() })
  }
  return { registry, core, state, clock, hear }
}

const privately = (...names: string[]) => ({ namespaces: names.map((name) => ({ name, isPrivate: true })) })
const tenantOf = (registry: TenantRegistry, token: string) => registry.index.tenantOf(hashOfToken(token))

describe('a tenant', () => {
  it('gets a token that is told once, and of which its sha256 alone is kept', async () => {
    const { registry, state, core } = await node()
    const { tenant, token } = await registry.put('team-a', privately('acme'))
    expect(token!.token).toMatch(tenantTokenPattern)
    expect(tenant).toMatchObject({ name: 'team-a', ...privately('acme'), tokens: [{ id: token!.id }] })
    expect(tenantOf(registry, token!.token)).toBe('team-a')
    const kept = JSON.stringify([...state.records.values(), core.tenantRecords.all(), registry.list()])
    expect(kept).not.toContain(token!.token.slice(3))
    expect(kept).toContain(hashOfToken(token!.token).toString('hex'))
  })

  it('that is there is changed in what is said, and gets no new token', async () => {
    const { registry } = await node()
    const first = await registry.put('team-a', privately('acme'))
    const second = await registry.put('team-a', {})
    expect(second).toEqual({ tenant: first.tenant, token: null })
    expect((await registry.put('team-a', { namespaces: [] })).tenant.namespaces).toEqual([])
    await registry.put('team-a', { quotas: { pinsMax: 3 } })
    const { quotas } = (await registry.put('team-a', { quotas: { requestsMax: 7 } })).tenant
    expect(quotas).toEqual({ ...first.tenant.quotas, pinsMax: 3, requestsMax: 7 })
    expect(tenantOf(registry, first.token!.token)).toBe('team-a')
  })

  it('may have several tokens, of which one is revoked at a time', async () => {
    const { registry } = await node()
    const first = (await registry.put('team-a', {})).token!
    const second = await registry.addToken('team-a')
    expect([first, second].map(({ token }) => tenantOf(registry, token))).toEqual(['team-a', 'team-a'])
    expect(await registry.revokeToken('team-a', first.id)).toBe(true)
    expect(await registry.revokeToken('team-a', first.id)).toBe(false)
    expect([first, second].map(({ token }) => tenantOf(registry, token))).toEqual([null, 'team-a'])
  })

  it('that is removed has no token and no namespace any more', async () => {
    const { registry } = await node()
    const { token } = await registry.put('team-a', privately('acme'))
    expect(await registry.remove('team-a')).toBe(true)
    expect(await registry.remove('team-a')).toBe(false)
    expect([tenantOf(registry, token!.token), registry.index.privateOwnerOf('acme'), registry.list()]).toEqual([
      null,
      null,
      [],
    ])
    await expect(registry.addToken('team-a')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' })
    // A new one of that name counts after the removal.
    expect((await registry.put('team-a', {})).token).not.toBeNull()
  })

  it.each(['public', 'operator', 'admin', '', 'Team', 'a/b', 'a b', '-a', 'x'.repeat(64)])(
    'cannot be called %j',
    async (name) => {
      await expect((await node()).registry.put(name, {})).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    },
  )

  it('cannot take the namespace of another, nor one that is none', async () => {
    const { registry } = await node()
    await registry.put('team-a', privately('acme'))
    await expect(registry.put('team-b', privately('acme'))).rejects.toMatchObject({ code: 'NAMESPACE_TAKEN' })
    await expect(registry.put('team-b', privately('a/b'))).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
    await expect(registry.put('team-b', privately('x', 'x'))).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await registry.put('team-a', { namespaces: [] })
    await expect(registry.put('team-b', privately('acme'))).resolves.toBeDefined()
  })
})

describe('limits', () => {
  it('are tenants of the cluster: the last one is added, one more is not', async () => {
    const { registry } = await node('self', new MemoryState(), { tenantsMax: 2 })
    await registry.put('team-a', {})
    await registry.put('team-b', {})
    await expect(registry.put('team-c', {})).rejects.toMatchObject({ code: 'OVERLOADED' })
    await expect(registry.put('team-b', privately('b'))).resolves.toBeDefined()
  })

  it('are tokens and namespaces of one tenant', async () => {
    const { registry } = await node('self', new MemoryState(), { tokensMax: 2, namespacesMax: 2 })
    await registry.put('team-a', privately('a', 'b'))
    await expect(registry.put('team-a', privately('a', 'b', 'c'))).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await registry.addToken('team-a')
    await expect(registry.addToken('team-a')).rejects.toMatchObject({ code: 'OVERLOADED' })
  })

  it('are no more than what other nodes take', () => {
    const { tenantsMax, tokensMax, namespacesMax } = defaultTenantRegistryOptions
    expect([tenantsMax, tokensMax, namespacesMax]).toEqual([96, 8, 16])
  })
})

describe('a change that could not be put in force', () => {
  it('is told again at each look until it is, and the operator gets the token', async () => {
    const { registry, clock } = await node()
    const told: string[] = []
    registry.start(() => {
      told.push(
        registry
          .list()
          .map(({ name }) => name)
          .join(),
      )
      if (told.length < 3) throw new Error('not now')
    })
    expect((await registry.put('team-a', {})).token).not.toBeNull()
    clock.advance(5_000)
    expect(told).toEqual(['team-a', 'team-a', 'team-a'])
    registry.stop()
  })
})

describe('removed tenants', () => {
  it('give way to new ones: the name that is added is known, and its token valid', async () => {
    const { registry, core } = await node()
    for (let at = 0; at < 130; at += 1) {
      await registry.put(`gone-${at}`, {})
      await registry.remove(`gone-${at}`)
    }
    const { token } = await registry.put('team-a', {})
    expect(tenantOf(registry, token!.token)).toBe('team-a')
    expect(core.tenantRecords.all()).toHaveLength(128)
  })

  it('are forgotten in time on a node where nobody changes anything, and taken out of what is kept', async () => {
    const dayMs = 86_400_000
    const { registry, core, state, clock } = await node('self', new MemoryState(), { lookMs: dayMs })
    await registry.put('team-a', {})
    await registry.put('gone', {})
    await registry.remove('gone')
    registry.start(() => {})
    clock.advance(31 * dayMs)
    await Promise.resolve()
    expect(core.tenantRecords.all().map(({ name }) => name)).toEqual(['team-a'])
    clock.advance(dayMs)
    await Promise.resolve()
    expect(state.records.get('tenants')).toMatchObject([{ name: 'team-a' }])
    registry.stop()
  })
})

describe('records', () => {
  it('survive a restart, removed ones too', async () => {
    const { registry, state } = await node()
    const { token } = await registry.put('team-a', {})
    await registry.put('team-b', {})
    await registry.remove('team-b')
    const again = await node('self', state)
    expect(tenantOf(again.registry, token!.token)).toBe('team-a')
    expect(again.core.tenantRecords.all().map(({ name, isRemoved }) => [name, isRemoved])).toEqual([
      ['team-a', false],
      ['team-b', true],
    ])
  })

  it('of an earlier version, which knew fewer quotas or none, have the defaults of the others', async () => {
    const { registry, state } = await node()
    await registry.put('team-a', {})
    const { quotas } = (await registry.put('team-b', { quotas: { pinsMax: 3 } })).tenant
    const kept = state.records.get('tenants') as TenantRecord[]
    const older = kept.map(({ quotas: _, ...record }, at) =>
      at === 0 ? record : { ...record, quotas: { pinsMax: 3 } },
    )
    state.records.set('tenants', older)
    const again = await node('self', state)
    expect(again.registry.get('team-a').quotas).toEqual(registry.get('team-a').quotas)
    expect(again.registry.get('team-b').quotas).toEqual(quotas)
  })

  it('of another node count at once, are kept, and are told to those that listen', async () => {
    const a = await node('a')
    const { token } = await a.registry.put('team-a', privately('acme'))
    const b = await node('b')
    let changes = 0
    b.registry.start(() => {
      changes += 1
    })
    b.hear(a.core.tenantRecords.all(), 1)
    expect(tenantOf(b.registry, token!.token)).toBe('team-a')
    b.clock.advance(1_000)
    await Promise.resolve()
    expect(changes).toBe(1)
    expect(b.state.records.get('tenants')).toMatchObject([{ name: 'team-a' }])
    await a.registry.remove('team-a')
    b.hear(a.core.tenantRecords.all(), 2)
    expect(tenantOf(b.registry, token!.token)).toBeNull()
    b.clock.advance(1_000)
    expect(changes).toBe(2)
    b.registry.stop()
  })
})
