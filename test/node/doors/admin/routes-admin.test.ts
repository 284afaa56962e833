import { describe, expect, it } from 'vitest'
import type { Admin } from '../../../../node/admin/index.ts'
import { adminDoor } from '../../../../node/doors/admin/door.ts'
import type { TenantCalls } from '../../../../node/doors/admin/routes-tenants.ts'
import type { ViewPorts } from '../../../../node/doors/admin/routes-views.ts'
import { createHttpApp } from '../../../../node/doors/http/server.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { callersWith, namesWith } from '../../../support/callers.ts'

const token = 'a-token-0123456789abcdef'

/** Answers every call with its arguments. */
function echo(tokens: readonly string[]) {
  const say =
    (call: string) =>
    (...args: unknown[]) => ({ call, args })
  const later =
    (call: string) =>
    async (...args: unknown[]) =>
      say(call)(...args)
  const admin = {
    status: () => ({ ...say('status')(), errors: [] }),
    plan: say('plan'),
    placement: say('placement'),
    pinned: () => ({ pins: [], replicated: [] }),
    pin: later('pin'),
    unpin: later('unpin'),
    prefetches: { list: () => [], begin: later('begin') },
    bans: { list: () => [], ban: later('ban'), unban: later('unban') },
    evict: later('evict'),
    invalidate: later('invalidate'),
  } as unknown as Admin
  const pinQuota = { during: <T>(_tenant: string, _pin: object, work: () => Promise<T>) => work() }
  const options = { host: '127.0.0.1', port: 0, bodyLimitBytes: 1_000 }
  return createHttpApp({ ...callersWith({ adminTokens: tokens }), log: silentLog }, options, [
    adminDoor({ ...({} as ViewPorts), admin, names: namesWith(), tenants: {} as TenantCalls, pinQuota }),
  ])
}

const changes = [
  { method: 'POST', url: '/v1/prefetch/acme%2Fx' },
  { method: 'POST', url: '/v1/evict/acme%2Fx' },
  { method: 'POST', url: '/v1/invalidate/acme%2Fx' },
  { method: 'PUT', url: '/v1/bans/12D3KooW' },
  { method: 'DELETE', url: '/v1/bans/12D3KooW' },
] as const

describe('pins', () => {
  const pins = [
    { method: 'PUT', url: '/v1/pins/acme%2Fx:v1' },
    { method: 'DELETE', url: '/v1/pins/acme/x:v1' },
  ] as const

  it.each(pins)('take the token of the admin or of a tenant: $method $url', async ({ method, url }) => {
    const ask = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization: `Bearer ${authorization}` }
      return (await echo([token]).inject({ method, url, headers })).statusCode
    }
    expect([await ask(), await ask(`${token}x`), await ask(token)]).toEqual([401, 401, 200])
  })
})

describe('routes that change something', () => {
  it.each(changes)('take the token where there is one: $method $url', async ({ method, url }) => {
    const app = echo([token])
    const refused = await app.inject({ method, url })
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    const wrong = await app.inject({ method, url, headers: { authorization: `Bearer ${token}x` } })
    expect(wrong.statusCode).toBe(401)
    const allowed = await app.inject({ method, url, headers: { authorization: `Bearer ${token}` } })
    expect([allowed.statusCode < 300, allowed.headers['www-authenticate']]).toEqual([true, undefined])
  })

  it.each(changes)('are open where there is none: $method $url', async ({ method, url }) => {
    expect((await echo([]).inject({ method, url })).statusCode).toBeLessThan(300)
  })

  it('refuse before they read the body', async () => {
    const answer = await echo([token]).inject({
      method: 'PUT',
      url: '/v1/pins/acme%2Fx',
      payload: '{',
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.statusCode).toBe(401)
  })
})

describe('routes that read', () => {
  it.each(['/v1/status', '/v1/plan', '/v1/pins', '/v1/prefetch', '/v1/bans'])('are open: %s', async (url) => {
    expect((await echo([token]).inject({ url })).statusCode).toBe(200)
  })
})

describe('what a request says', () => {
  const app = echo([])

  it('reaches the node as it is meant', async () => {
    const pin = await app.inject({ method: 'PUT', url: '/v1/pins/acme%2Fx:v1', payload: { tier: 'disk' } })
    expect(pin.json().args).toEqual([{ kind: 'name', name: { namespace: 'acme', name: 'x', tag: 'v1' } }, 'disk', null])
    const spread = await app.inject({ method: 'PUT', url: '/v1/pins/acme%2Fx:v1', payload: { replicas: 3 } })
    expect(spread.json().args.slice(1)).toEqual(['memory', 3])
    const digest = await app.inject({
      method: 'POST',
      url: `/v1/evict/sha256:${'a'.repeat(64)}`,
      payload: { disk: true },
    })
    expect(digest.json().args).toEqual([{ kind: 'digest', digest: 'a'.repeat(64) }, { disk: true }])
    expect((await app.inject({ url: '/v1/plan?tier=disk&bytes=12' })).json().args).toEqual(['disk', 12])
    expect((await app.inject({ url: '/v1/plan' })).json().args).toEqual(['memory', null])
  })

  it.each([
    { id: 'misspelt field', method: 'PUT', url: '/v1/pins/acme%2Fx', payload: { teir: 'disk' } },
    { id: 'no such tier', method: 'PUT', url: '/v1/pins/acme%2Fx', payload: { tier: 'tape' } },
    { id: 'no replica', method: 'PUT', url: '/v1/pins/acme%2Fx', payload: { replicas: 0 } },
    { id: 'a list', method: 'POST', url: '/v1/evict/acme%2Fx', payload: [] },
    { id: 'a text for a boolean', method: 'POST', url: '/v1/evict/acme%2Fx', payload: { disk: 'yes' } },
    { id: 'a size with a unit', method: 'GET', url: '/v1/plan?bytes=1GB', payload: undefined },
    { id: 'a negative size', method: 'GET', url: '/v1/plan?bytes=-1', payload: undefined },
  ] as const)('is refused when it is not understood: $id', async ({ method, url, payload }) => {
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) })
    expect([answer.statusCode, answer.json().error.code]).toEqual([400, 'BAD_REQUEST'])
  })

  it('has to name a model', async () => {
    const answer = await app.inject({ method: 'POST', url: '/v1/invalidate/nothing' })
    expect(answer.json().error.code).toBe('BAD_MODEL_NAME')
  })
})
