/** One table has the role of every route of the server, and no other route. A route that is not in it is the admin's. */
import { describe, expect, it } from 'vitest'
import { fastifyPath, roleOf, routeRoles } from '../../../../node/doors/http/route-roles.ts'
import { callersWith, namesWith } from '../../../support/callers.ts'
import { document } from '../../../support/http-description.ts'
import { readSource } from '../../../support/source-files.ts'
import { HttpFixture } from './fixture.ts'

const admin = 'admin-token-0123456789'
const ofTenant = `hf_${'a'.repeat(34)}`

async function routesOf(fixture: HttpFixture): Promise<string[]> {
  const routes: string[] = []
  fixture.app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url}`)
  })
  await fixture.app.ready()
  return routes
}

const tokens = { none: null, tenant: ofTenant, admin } as const

/** The result of each token: let in (true), or the status of the refusal. */
async function refusalsOf(route: string, hasPublic: boolean) {
  const tenants = { 'team-a': { tokens: [ofTenant], open: ['acme'] } }
  const { callers } = callersWith({ adminTokens: [admin], tenants, hasPublic })
  await using fixture = new HttpFixture({ names: namesWith(tenants) }, {}, { callers })
  const [method, path] = route.split(' ') as ['GET', string]
  const url = path.replace('*', 'acme%2Fm').replace(/:\w+/g, 'x')
  const answers = Object.entries(tokens).map(async ([name, token]) => {
    const headers = { host: 'localhost', ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
    const { statusCode } = await fixture.app.inject({ method, url, headers })
    return [name, statusCode === 401 || statusCode === 403 ? statusCode : true]
  })
  return Object.fromEntries(await Promise.all(answers))
}

const expected = {
  anyone: { none: true, tenant: true, admin: true },
  public: { none: true, tenant: true, admin: true },
  tenant: { none: 401, tenant: true, admin: true },
  admin: { none: 401, tenant: 403, admin: true },
} as const

describe('the table of roles', () => {
  it('has every route of the server, and no other', async () => {
    await using fixture = new HttpFixture()
    expect((await routesOf(fixture)).sort()).toEqual(Object.keys(routeRoles).sort())
  })

  it('is what the page of the interface says', () => {
    const page = readSource('docs/reference/http.md')
    for (const { method, path } of document.operations) {
      const [, section] = page.split(`\n### ${method} ${path}\n`)
      const text = section!.split('\n### ')[0]!
      const role = roleOf(method, fastifyPath(path))
      expect([path, text.includes('It takes the admin token.')]).toEqual([path, role === 'admin'])
      expect([path, text.includes('It takes the token of a tenant.')]).toEqual([path, role === 'tenant'])
      expect([path, text.includes('without a token, also')]).toEqual([path, role === 'anyone'])
    }
  })

  it('leaves a route that it has not to the admin', () => {
    expect([roleOf('GET', '/v1/new'), roleOf('HEAD', '/livez')]).toEqual(['admin', 'anyone'])
  })

  it.each(Object.entries(routeRoles))('is kept by %s, which needs %s', async (route, role) => {
    expect(await refusalsOf(route, true)).toEqual(expected[role])
    const shut = role === 'public' ? { ...expected.public, none: 401 } : expected[role]
    expect(await refusalsOf(route, false), 'where the public is shut out').toEqual(shut)
  })
})

describe('a refusal', () => {
  it('says how to show a token, in the form of each door', async () => {
    const { callers } = callersWith({ adminTokens: [admin], hasPublic: false })
    await using fixture = new HttpFixture({}, {}, { callers })
    for (const url of ['/v1/models', '/v2/models/acme%2Fm']) {
      const { statusCode, headers } = await fixture.get(url)
      expect([statusCode, headers['www-authenticate'], headers['holdfast-error']]).toEqual([
        401,
        'Bearer',
        'UNAUTHORIZED',
      ])
    }
    expect((await fixture.get('/v2/models/acme%2Fm')).json()).toEqual({ error: expect.any(String) })
  })

  it('of a guesser says when to come back, and no log has the token', async () => {
    const { callers } = callersWith({ adminTokens: [admin], wrongMax: 1 })
    await using fixture = new HttpFixture({}, {}, { callers })
    const guess = (token: string) => fixture.get('/v1/models', { authorization: `Bearer ${token}` })
    expect((await guess('first-guess')).statusCode).toBe(401)
    const { statusCode, headers } = await guess('second-guess')
    expect([statusCode, headers['retry-after'], headers['holdfast-error']]).toEqual([429, '60', 'TOO_MANY_GUESSES'])
    expect((await guess(admin)).statusCode).toBe(429)
    expect(fixture.logged.length).toBeGreaterThan(0)
    expect(JSON.stringify(fixture.logged)).not.toMatch(/guess-?|second-guess|admin-token/)
  })
})
