/** What an operator does to real nodes: pins, prefetches, evicts, moves tags, rotates secrets, shuts nodes out. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../clients/node/index.ts'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { ClusterKey } from '../../node/net/index.ts'
import { holdfast } from '../support/holdfast-command.ts'
import { until } from '../support/until.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

const MiB = 2 ** 20
/** Nothing is looked up again by itself in the time of a test. */
const neverAgain = { 'refs.freshMs': 600_000 }

async function pushFile(name: string, sizeBytes = 3 * MiB): Promise<{ digest: string; bytes: Buffer }> {
  const folder = join(
    cluster.folder,
    'files',
    createHash('sha256')
      .update(name + Math.random())
      .digest('hex'),
  )
  await mkdir(folder, { recursive: true })
  const bytes = randomBytes(sizeBytes)
  await writeFile(join(folder, 'weights.bin'), bytes)
  const { digest } = await cluster.push(folder, name)
  return { digest, bytes }
}

/** A command to that node. */
function at(node: SpawnedNode, ...args: string[]) {
  return holdfast(args, { HOLDFAST_URL: node.httpUrl, XDG_CONFIG_HOME: cluster.folder })
}

async function tierOf(node: SpawnedNode, model: string): Promise<string | null> {
  const { models } = await getJson<{ models: { model: string; tier: string | null }[] }>(node, '/v1/models')
  return models.find((view) => view.model === model)?.tier ?? null
}

function bytesOf(model: { file(path: string): { bytes: Uint8Array } }): Buffer {
  return Buffer.from(model.file('weights.bin').bytes)
}

describe('a moved tag', () => {
  it('reaches every node by invalidate, also one without an origin; open models keep the bytes they have', async () => {
    const old = await pushFile('acme/moving:v1')
    const a = await cluster.start('a', neverAgain)
    const b = await cluster.start('b', { ...neverAgain, 'origin.url': '' })
    await cluster.formed()
    using running = await open('acme/moving:v1', { socketPath: a.socketPath })
    await cluster.heard(b, a, old.digest)
    using there = await open('acme/moving:v1', { socketPath: b.socketPath })
    const next = await pushFile('acme/moving:v1')
    // Nobody has told the nodes yet.
    expect((await open('acme/moving:v1', { socketPath: b.socketPath })).digest).toBe(old.digest)

    const { code, stdout } = await at(a, 'invalidate', 'acme/moving:v1', '--json')

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

  it('is followed by a pin', async () => {
    const old = await pushFile('acme/pinned:v1')
    const a = await cluster.start('a', neverAgain)
    expect((await at(a, 'pin', 'acme/pinned:v1')).code).toBe(0)
    await until('the first revision is here', async () => (await tierOf(a, old.digest)) === 'memory')
    const next = await pushFile('acme/pinned:v1')

    await at(a, 'invalidate', 'acme/pinned:v1')

    await until('the new revision is here', async () => (await tierOf(a, next.digest)) === 'memory')
  })
})

describe('a pinned model', () => {
  it('stays when memory runs short, is not evicted by hand, and comes back after a restart', async () => {
    const kept = await pushFile('acme/kept')
    const others = await Promise.all(['acme/one', 'acme/two', 'acme/three'].map((name) => pushFile(name)))
    const options = { 'memory.limitBytes': 8 * MiB, 'disk.limitBytes': 64 * MiB }
    const a = await cluster.start('a', options)
    await at(a, 'pin', 'acme/kept')
    await until('it is here', async () => (await tierOf(a, kept.digest)) === 'memory')

    for (const name of ['acme/one', 'acme/two', 'acme/three']) expect((await at(a, 'prefetch', name)).code).toBe(0)

    expect(await tierOf(a, kept.digest)).toBe('memory')
    const tiers = await Promise.all(others.map(({ digest }) => tierOf(a, digest)))
    expect(tiers.filter((tier) => tier === 'memory')).toHaveLength(1)
    expect(await at(a, 'evict', 'acme/kept')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('MODEL_IN_USE'),
    })
    const plan = JSON.parse((await at(a, 'plan', '--json')).stdout) as { models: { model: string; reason: string }[] }
    expect(plan.models.find(({ model }) => model === kept.digest)).toMatchObject({ reason: 'pinned', place: null })

    await a.kill()
    const again = await cluster.start('a', { ...options, 'cluster.bootstrap': '' })
    await until('it is back in memory', async () => (await tierOf(again, kept.digest)) === 'memory')
    await at(again, 'unpin', 'acme/kept')
    expect((await at(again, 'evict', 'acme/kept', '--disk')).code).toBe(0)
    expect(await tierOf(again, kept.digest)).toBe(null)
  })
})

describe('prefetch and evict', () => {
  it('bring a model to the disk, make it ready to run, and free it again when nobody uses it', async () => {
    const path = await cluster.generate('tiny')
    const { digest } = await cluster.push(path, 'acme/tiny:v1')
    const file = await pushFile('acme/file')
    const a = await cluster.start('a')
    expect(await at(a, 'prefetch', 'acme/tiny:v1', '--tier', 'disk')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^acme\/tiny:v1 is in disk, from origin, after/),
    })
    expect(await tierOf(a, digest)).toBe('disk')
    await at(a, 'prefetch', 'acme/tiny:v1')
    const answer = await cluster.infer(a, 'acme/tiny:v1', await cluster.body(join(path, 'model.onnx')))
    expect(answer.servedFrom).toBe('memory')

    expect((await at(a, 'evict', 'acme/tiny:v1')).stdout).toContain('no longer in memory')
    expect(await tierOf(a, digest)).toBe('disk')

    const lease = await open('acme/file', { socketPath: a.socketPath })
    expect(await at(a, 'evict', 'acme/file')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('MODEL_IN_USE'),
    })
    expect(bytesOf(lease).equals(file.bytes)).toBe(true)
    lease.close()
    await until('the lease has ended', async () => (await getJson<{ leases: number }>(a, '/v1/status')).leases === 0)
    expect(JSON.parse((await at(a, 'evict', 'acme/file', '--disk', '--json')).stdout).left).toEqual(['memory', 'disk'])
    expect(await at(a, 'prefetch', 'acme/absent')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('UNKNOWN_MODEL'),
    })
  })
})

describe('admin tokens', () => {
  it('are needed for changes and for nothing else, and rotate under the running node', async () => {
    await pushFile('acme/x')
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
    expect((await at(a, 'unpin', 'acme/x', '--token-file', tokenFile)).code).toBe(0)
    expect(await at(a, 'unpin', 'acme/x')).toMatchObject({ code: 1, stderr: expect.stringContaining('UNAUTHORIZED') })

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

describe('a banned node', () => {
  it('gets no connection, also after a restart, until the ban ends', async () => {
    const a = await cluster.start('a')
    const b = await cluster.start('b')
    await cluster.formed()
    const peers = (node: SpawnedNode) => cluster.metric(node, 'holdfast_peers')
    await until('they are connected', async () => (await peers(a)) === 1)

    expect((await at(a, 'ban', b.nodeId)).code).toBe(0)

    await until('b is cut off', async () => (await peers(a)) === 0 && (await peers(b)) === 0)
    expect((await at(a, 'peers')).stdout).toMatch(new RegExp(`^${b.nodeId}\tbanned\t`, 'm'))
    await a.stop()
    const again = await cluster.start('a', { 'cluster.bootstrap': b.addresses[0]! })
    await until('a refuses to dial b', async () => /could not be reached|not reached/.test(await cluster.log(again)))
    expect(await peers(again)).toBe(0)
    expect(await at(again, 'ban', 'nonsense')).toMatchObject({ code: 1, stderr: expect.stringContaining('no node id') })
    await at(again, 'unban', b.nodeId)
    await until('b is back', async () => (await peers(again)) === 1)
  })
})

describe('the cluster key', () => {
  it('changes on running nodes without a connection lost, and the old one is worth nothing then', async () => {
    const next = ClusterKey.generate()
    const oldText = cluster.clusterKey.text()
    const keyFile = (name: string) => join(cluster.folder, `${name}.key`)
    const write = (name: string, ...keys: string[]) => writeFile(keyFile(name), `${keys.join('\n')}\n`)
    await Promise.all(['a', 'b'].map((name) => write(name, oldText)))
    const a = await cluster.start('a', { 'cluster.keyFile': keyFile('a') })
    const b = await cluster.start('b', { 'cluster.keyFile': keyFile('b') })
    await cluster.formed()
    const rotate = async (...keys: string[]) => {
      for (const [node, name] of [
        [a, 'a'],
        [b, 'b'],
      ] as const) {
        const before = (await cluster.log(node)).match(/secrets were read again/g)?.length ?? 0
        await write(name, ...keys)
        node.process.kill('SIGHUP')
        await until('the file was read', async () => {
          return ((await cluster.log(node)).match(/secrets were read again/g)?.length ?? 0) > before
        })
      }
    }
    await rotate(oldText, next.text())
    await rotate(next.text(), oldText)
    await rotate(next.text())

    await write('c', next.text())
    const c = await cluster.start('c', { 'cluster.keyFile': keyFile('c') })
    await cluster.formed([a, b, c])
    const late = await cluster.start('late', { 'cluster.keyFile': cluster.keyFile })
    await until('the late one is refused', async () => /wrong cluster key/.test(await cluster.log(late)))
    expect(await cluster.members(late)).toHaveLength(1)
    expect((await cluster.members(a)).filter(({ suspected }) => suspected)).toEqual([])
  })
})
