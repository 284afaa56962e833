/** What an operator does to real nodes: moves tags, rotates tokens. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { until } from '../support/until.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'
import { at, bytesOf, neverAgain, pushFile } from './operator.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

describe('a moved tag', () => {
  it('reaches every node by invalidate, also one without an origin; open models keep the bytes they have', async () => {
    const old = await pushFile(cluster, 'acme/moving:v1')
    const a = await cluster.start('a', neverAgain)
    const b = await cluster.start('b', { ...neverAgain, 'origin.url': '' })
    await cluster.formed()
    using running = await open('acme/moving:v1', { socketPath: a.socketPath })
    await cluster.heard(b, a, old.digest)
    using there = await open('acme/moving:v1', { socketPath: b.socketPath })
    const next = await pushFile(cluster, 'acme/moving:v1')
    // Nobody has told the nodes yet.
    expect((await open('acme/moving:v1', { socketPath: b.socketPath })).digest).toBe(old.digest)

    const { code, stdout } = await at(cluster, a, 'invalidate', 'acme/moving:v1', '--json')

    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      before: old.digest,
      model: next.digest,
      sequence: 2,
      nodes: [{ node: b.nodeId, model: next.digest, error: null }],
    })
    for (const node of [a, b]) {
      expect((await getJson<{ model: string }>(node, '/v1/route/acme/moving:v1')).model).toBe(next.digest)
      using reopened = await open('acme/moving:v1', { socketPath: node.socketPath })
      expect(reopened.digest).toBe(next.digest)
      expect(bytesOf(reopened).equals(next.bytes)).toBe(true)
      // Without an origin, b has the new bytes from a.
      if (node === a) await cluster.heard(b, a, next.digest)
    }
    expect(bytesOf(running).equals(old.bytes)).toBe(true)
    expect(bytesOf(there).equals(old.bytes)).toBe(true)
  })
})

describe('admin tokens', () => {
  it('are needed for changes and for nothing else, and rotate under the running node', async () => {
    await pushFile(cluster, 'acme/x')
    const tokenFile = join(cluster.folder, 'tokens')
    const [first, second] = ['first-token-0123456789', 'second-token-0123456789']
    await writeFile(tokenFile, `${first}\n`)
    const a = await cluster.start('a', { 'admin.tokenFile': tokenFile })
    const pin = async (token: string | null) => {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` }
      return fetch(`${a.httpUrl}/v1/pins/acme%2Fx`, { method: 'PUT', headers })
    }
    const refused = await pin(null)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
    expect(await refused.json()).toMatchObject({ error: { code: 'UNAUTHORIZED' } })
    expect((await pin(second)).status).toBe(401)
    expect((await pin(first)).status).toBe(200)
    expect((await fetch(`${a.httpUrl}/v1/status`)).status).toBe(200)
    expect((await at(cluster, a, 'unpin', 'acme/x', '--token-file', tokenFile)).code).toBe(0)
    expect(await at(cluster, a, 'unpin', 'acme/x')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('UNAUTHORIZED'),
    })

    await writeFile(tokenFile, `${second}\n${first}\n`)
    await until('the new token counts', async () => (await pin(second)).status === 200)
    expect((await pin(first)).status).toBe(200)
    await writeFile(tokenFile, `${second}\n`)
    await until('the old token no longer counts', async () => (await pin(first)).status === 401)
    // What cannot be used changes nothing.
    await writeFile(tokenFile, 'short\n')
    a.process.kill('SIGHUP')
    await until('the node says so', async () => /those of before stay valid/.test(await cluster.log(a)))
    expect((await pin(second)).status).toBe(200)
  })
})

describe('a node without secrets', () => {
  it.each([
    { id: 'http', options: { 'http.host': '0.0.0.0' } },
    { id: 'cluster', options: { 'cluster.listen': '/ip4/0.0.0.0/tcp/0', 'cluster.advertiseHost': '192.0.2.1' } },
    { id: 'bulk', options: { 'cluster.bulkHost': '0.0.0.0', 'cluster.advertiseHost': '192.0.2.1' } },
  ])('does not start when it would be reachable from elsewhere: $id', async ({ options }) => {
    await expect(cluster.start('a', { 'cluster.keyFile': '', ...options })).rejects.toThrow(
      /set cluster.keyFile and admin.tokenFile/,
    )
  })
})
