/** Tenants of real nodes: made on one, known to all, over HTTP, between nodes and at the store's socket, over a restart. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { connectStore } from '../../native/index.ts'
import { until } from '../support/until.ts'
import { ClusterFixture } from './cluster-fixture.ts'
import { at } from './operator.ts'

const admin = 'admin-token-0123456789'

let cluster: ClusterFixture
let options: Record<string, string>
beforeEach(async () => {
  cluster = await ClusterFixture.create()
  const tokenFile = join(cluster.folder, 'tokens')
  await writeFile(tokenFile, `${admin}\n`, { mode: 0o600 })
  options = { 'admin.tokenFile': tokenFile }
})
afterEach(() => cluster.dispose())

function call(node: SpawnedNode, path: string, token: string | null, init: RequestInit = {}): Promise<Response> {
  const headers = { ...init.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
  return fetch(node.httpUrl + path, { ...init, headers })
}

async function openAt(node: SpawnedNode, name: string, token: string | null): Promise<string> {
  const client = await connectStore(node.socketPath, token === null ? {} : { token })
  try {
    using model = await client.open(name)
    return model.digest
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    client.close()
  }
}

describe('a tenant', () => {
  it('that is made on one node is known to the other, and so is what is private to it', async () => {
    const { body, model } = await cluster.pushTiny()
    const a = await cluster.start('a', options)
    const b = await cluster.start('b', options)
    await cluster.formed()
    const tenant = (...args: string[]) => at(cluster, a, 'tenant', ...args, '--token-file', options['admin.tokenFile']!)
    const infer = (token: string | null, more: Record<string, string> = {}) => {
      const headers = { 'content-type': 'application/json', ...more }
      const post = { method: 'POST', body: JSON.stringify(body), headers }
      return call(b, '/v2/models/acme%2Ftiny:v1/infer', token, post)
    }
    expect((await infer(null)).status).toBe(200)
    const added = await tenant('add', 'team-a', '--private', 'acme', '--json')
    const { token } = JSON.parse(added.stdout).token
    await until('b knows the tenant', async () => (await call(b, '/v1/tenant', token)).status === 200)

    expect(await (await call(b, '/v1/tenant', token)).json()).toMatchObject({
      name: 'team-a',
      namespaces: [{ name: 'acme', isPrivate: true }],
    })
    expect([(await infer(token)).status, (await infer(null)).status, (await infer(`${token}x`)).status]).toEqual([
      200, 404, 401,
    ])
    expect((await infer(token, { 'holdfast-tenant': 'team-b' })).status).toBe(403)
    // The status tells the admin alone of the request that was refused.
    for (const [path, isTenantTold] of [
      ['/v1/models', true],
      ['/v1/status', false],
    ] as const) {
      const shown = await Promise.all([null, token, admin].map(async (one) => (await call(b, path, one)).text()))
      expect([path, ...shown.map((text) => text.includes('acme/'))]).toEqual([path, false, isTenantTold, true])
    }
    await until('the socket of b has the rule', async () => (await openAt(b, 'acme/tiny:v1', null)) === 'UNAUTHORIZED')
    expect(await openAt(b, 'acme/tiny:v1', token)).toBe(model)

    await b.stop()
    const again = await cluster.start('b', options)
    expect(await openAt(again, 'acme/tiny:v1', null), 'from the first moment on').toBe('UNAUTHORIZED')
    expect((await call(again, '/v1/tenant', token)).status).toBe(200)
    const second = (await tenant('token', 'team-a')).stdout.trim()
    const [{ id }] = JSON.parse((await tenant('show', 'team-a', '--json')).stdout).tokens
    expect((await tenant('token', 'team-a', '--revoke', id)).stdout).toContain('no longer valid')
    await until('the revoked token is refused', async () => (await call(again, '/v1/tenant', token)).status === 401)
    expect((await call(again, '/v1/tenant', second)).status).toBe(200)
    for (const log of [await cluster.log(a), await cluster.log(again)]) expect(log).not.toContain(token.slice(3))
  })
})

describe('tenants.public', () => {
  it('off leaves probes to everybody and the rest to tokens', async () => {
    await cluster.pushTiny()
    const a = await cluster.start('a', { ...options, 'tenants.public': false })
    const statuses = async (token: string | null) => {
      const paths = ['/readyz', '/v2/health/ready', '/v1/models', '/v2/models/acme%2Ftiny:v1', '/metrics']
      return Promise.all(paths.map(async (path) => (await call(a, path, token)).status))
    }
    expect(await statuses(null)).toEqual([200, 200, 401, 401, 401])
    expect(await statuses(admin)).toEqual([200, 200, 200, 200, 200])
    expect(await openAt(a, 'acme/tiny:v1', null)).toBe('UNAUTHORIZED')
    const added = await call(a, '/v1/tenants/team-a', admin, { method: 'PUT' })
    const { token } = ((await added.json()) as { token: { token: string } }).token
    expect(await statuses(token)).toEqual([200, 200, 200, 200, 200])
    await until('the socket knows it', async () => (await openAt(a, 'acme/tiny:v1', token)).length === 64)
  })
})
