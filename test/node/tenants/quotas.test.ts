import { describe, expect, it } from 'vitest'
import type { TenantQuotas } from '../../../common/index.ts'
import { PinQuota, RequestQuotas } from '../../../node/tenants/index.ts'
import type { CountedPin } from '../../../node/tenants/pin-quota.ts'
import { callersWith, namesWith } from '../../support/callers.ts'

const tenants = (quotas: Partial<TenantQuotas>) => ({ 'team-a': { namespaces: ['acme'], quotas }, 'team-b': {} })
const refusal = (code: string, details: object) => expect.objectContaining({ code, details })

describe('requests of a tenant', () => {
  function quotasWith(quotas: Partial<TenantQuotas>) {
    const { clock, index } = callersWith({ tenants: tenants(quotas) })
    return { clock, quotas: new RequestQuotas({ quotasOf: (tenant) => index.quotasOf(tenant), clock }) }
  }

  it('that are under way are so many and not one more; those of others, and of the public, go on', async () => {
    const { quotas } = quotasWith({ requestsMax: 2 })
    const gate = Promise.withResolvers<void>()
    const running = [quotas.during('team-a', () => gate.promise), quotas.during('team-a', () => gate.promise)]
    await expect(quotas.during('team-a', async () => 'begun')).rejects.toEqual(
      refusal('QUOTA_REQUESTS', { quota: 'requestsMax', limit: 2, retryAfterS: 1 }),
    )
    expect(await quotas.during('team-b', async () => 'begun')).toBe('begun')
    expect(await quotas.during('public', async () => 'begun')).toBe('begun')
    gate.resolve()
    await Promise.all(running)
    expect(await quotas.during('team-a', async () => 'begun')).toBe('begun')
  })

  it('that fail make room as those do that end', async () => {
    const { quotas } = quotasWith({ requestsMax: 1 })
    const failing = () => quotas.during('team-a', () => Promise.reject(new Error('failed')))
    await expect(failing()).rejects.toThrow('failed')
    await expect(failing()).rejects.toThrow('failed')
  })

  it('that come in a second are so many and not one more, until the next one may come', async () => {
    const { quotas, clock } = quotasWith({ requestsPerSMax: 2 })
    const ask = () => quotas.during('team-a', async () => 'done')
    expect([await ask(), await ask()]).toEqual(['done', 'done'])
    await expect(ask()).rejects.toEqual(
      refusal('QUOTA_REQUEST_RATE', { quota: 'requestsPerSMax', limit: 2, retryAfterS: 1 }),
    )
    clock.advance(500)
    expect(await ask()).toBe('done')
    await expect(ask()).rejects.toMatchObject({ code: 'QUOTA_REQUEST_RATE' })
  })
})

describe('pins of a tenant', () => {
  function pinsWith(quotas: Partial<TenantQuotas>, pinned: readonly CountedPin[]) {
    const { index } = callersWith({ tenants: tenants(quotas) })
    return new PinQuota({ tenants: { index }, pins: () => pinned })
  }
  const pinned = [
    { name: 'acme/x:v1', replicaCount: 1 },
    { name: 'acme/y:v1', replicaCount: 3 },
    { name: 'other/z:v1', replicaCount: 9 },
    { name: `sha256:${'1'.repeat(64)}`, replicaCount: 1 },
    { name: 'what a member gossips', replicaCount: 9 },
  ]
  const done = async () => 'pinned'

  it('are so many copies and not one more', async () => {
    const quota = pinsWith({ pinsMax: 6 }, pinned)
    expect(await quota.during('team-a', { name: 'acme/n:v1', replicaCount: 2 }, done)).toBe('pinned')
    await expect(quota.during('team-a', { name: 'acme/n:v1', replicaCount: 3 }, done)).rejects.toEqual(
      refusal('QUOTA_PINS', { quota: 'pinsMax', limit: 6 }),
    )
  })

  it('count anew when they are changed, and from their beginning', async () => {
    const quota = pinsWith({ pinsMax: 4 }, pinned)
    expect(await quota.during('team-a', { name: 'acme/y:v1', replicaCount: 3 }, done)).toBe('pinned')
    const gate = Promise.withResolvers<void>()
    const empty = pinsWith({ pinsMax: 1 }, [])
    const first = empty.during('team-a', { name: 'acme/x:v1', replicaCount: 1 }, () => gate.promise)
    await expect(empty.during('team-a', { name: 'acme/y:v1', replicaCount: 1 }, done)).rejects.toMatchObject({
      code: 'QUOTA_PINS',
    })
    gate.resolve()
    await first
  })

  it('of the operator have no quota', async () => {
    const quota = pinsWith({ pinsMax: 0 }, pinned)
    expect(await quota.during('operator', { name: 'acme/n:v1', replicaCount: 9 }, done)).toBe('pinned')
  })

  it('are of names of its own namespaces', () => {
    const names = namesWith({ 'team-a': { namespaces: ['acme'], open: ['shared'] }, 'team-b': { namespaces: ['zoo'] } })
    const reference = (namespace: string) => ({ kind: 'name', name: { namespace, name: 'm', tag: 'v1' } }) as const
    const code = (namespace: string, tenant = 'team-a') => {
      try {
        names.checkOwn(tenant, reference(namespace))
        return null
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(['acme', 'shared', 'zoo', 'else'].map((namespace) => code(namespace))).toEqual([
      null,
      null,
      'UNKNOWN_MODEL',
      'FORBIDDEN',
    ])
    expect(['acme', 'shared', 'else'].map((namespace) => code(namespace, 'operator'))).toEqual([null, null, null])
    expect(() => names.checkOwn('team-a', { kind: 'digest', digest: '1'.repeat(64) })).toThrow()
  })
})
