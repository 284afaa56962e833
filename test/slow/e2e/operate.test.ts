/** What an operator does to real nodes: pins, prefetches, evicts, rotates the cluster key, shuts nodes out. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../../clients/node/index.ts'
import type { SpawnedNode } from '../../../demo/spawn-node.ts'
import { ClusterKey } from '../../../node/net/index.ts'
import { ClusterFixture, getJson } from '../../e2e/cluster-fixture.ts'
import { at, bytesOf, MiB, neverAgain, pushFile, tierOf } from '../../e2e/operator.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

describe('a moved tag', () => {
  it('is followed by a pin', async () => {
    const old = await pushFile(cluster, 'acme/pinned:v1')
    const a = await cluster.start('a', neverAgain)
    expect((await at(cluster, a, 'pin', 'acme/pinned:v1')).code).toBe(0)
    await until('the first revision is here', async () => (await tierOf(a, old.digest)) === 'memory')
    const next = await pushFile(cluster, 'acme/pinned:v1')

    await at(cluster, a, 'invalidate', 'acme/pinned:v1')

    await until('the new revision is here', async () => (await tierOf(a, next.digest)) === 'memory')
  })
})

describe('a pinned model', () => {
  it('stays when memory runs short, is not evicted by hand, and comes back after a restart', async () => {
    const kept = await pushFile(cluster, 'acme/kept')
    const others = await Promise.all(['acme/one', 'acme/two', 'acme/three'].map((name) => pushFile(cluster, name)))
    const options = { 'memory.limitBytes': 8 * MiB, 'disk.limitBytes': 64 * MiB }
    const a = await cluster.start('a', options)
    await at(cluster, a, 'pin', 'acme/kept')
    await until('it is here', async () => (await tierOf(a, kept.digest)) === 'memory')

    for (const name of ['acme/one', 'acme/two', 'acme/three'])
      expect((await at(cluster, a, 'prefetch', name)).code).toBe(0)

    expect(await tierOf(a, kept.digest)).toBe('memory')
    const tiers = await Promise.all(others.map(({ digest }) => tierOf(a, digest)))
    expect(tiers.filter((tier) => tier === 'memory')).toHaveLength(1)
    expect(await at(cluster, a, 'evict', 'acme/kept')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('MODEL_IN_USE'),
    })
    const plan = JSON.parse((await at(cluster, a, 'plan', '--json')).stdout) as {
      models: { model: string; reason: string }[]
    }
    expect(plan.models.find(({ model }) => model === kept.digest)).toMatchObject({ reason: 'pinned', place: null })

    await a.kill()
    const again = await cluster.start('a', { ...options, 'cluster.bootstrap': '' })
    await until('it is back in memory', async () => (await tierOf(again, kept.digest)) === 'memory')
    await at(cluster, again, 'unpin', 'acme/kept')
    expect((await at(cluster, again, 'evict', 'acme/kept', '--disk')).code).toBe(0)
    expect(await tierOf(again, kept.digest)).toBe(null)
  })
})

describe('prefetch and evict', () => {
  it('bring a model to the disk, make it ready to run, and free it again when nobody uses it', async () => {
    const path = await cluster.generate('tiny')
    const { digest } = await cluster.push(path, 'acme/tiny:v1')
    const file = await pushFile(cluster, 'acme/file')
    const a = await cluster.start('a')
    expect(await at(cluster, a, 'prefetch', 'acme/tiny:v1', '--tier', 'disk')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^acme\/tiny:v1 is in disk, from origin, after/),
    })
    expect(await tierOf(a, digest)).toBe('disk')
    await at(cluster, a, 'prefetch', 'acme/tiny:v1')
    const answer = await cluster.infer(a, 'acme/tiny:v1', await cluster.body(join(path, 'model.onnx')))
    expect(answer.servedFrom).toBe('memory')

    expect((await at(cluster, a, 'evict', 'acme/tiny:v1')).stdout).toContain('no longer in memory')
    expect(await tierOf(a, digest)).toBe('disk')

    const lease = await open('acme/file', { socketPath: a.socketPath })
    expect(await at(cluster, a, 'evict', 'acme/file')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('MODEL_IN_USE'),
    })
    expect(bytesOf(lease).equals(file.bytes)).toBe(true)
    lease.close()
    await until('the lease has ended', async () => (await getJson<{ leases: number }>(a, '/v1/status')).leases === 0)
    expect(JSON.parse((await at(cluster, a, 'evict', 'acme/file', '--disk', '--json')).stdout).left).toEqual([
      'memory',
      'disk',
    ])
    expect(await at(cluster, a, 'prefetch', 'acme/absent')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('UNKNOWN_MODEL'),
    })
  })
})

describe('a banned node', () => {
  it('gets no connection, also after a restart, until the ban ends', async () => {
    const a = await cluster.start('a')
    const b = await cluster.start('b')
    await cluster.formed()
    const peers = (node: SpawnedNode) => cluster.metric(node, 'holdfast_peers')
    await until('they are connected', async () => (await peers(a)) === 1)

    expect((await at(cluster, a, 'ban', b.nodeId)).code).toBe(0)

    await until('b is cut off', async () => (await peers(a)) === 0 && (await peers(b)) === 0)
    expect((await at(cluster, a, 'peers')).stdout).toMatch(new RegExp(`^${b.nodeId}\t[^\t]*\tbanned\t`, 'm'))
    await a.stop()
    const again = await cluster.start('a', { 'cluster.bootstrap': b.addresses[0]! })
    await until('a refuses to dial b', async () => /could not be reached|not reached/.test(await cluster.log(again)))
    expect(await peers(again)).toBe(0)
    expect(await at(cluster, again, 'ban', 'nonsense')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no node id'),
    })
    await at(cluster, again, 'unban', b.nodeId)
    await until('b is back', async () => (await peers(again)) === 1)
  })
})

describe('the cluster key', () => {
  it('changes on running nodes, which stay together, and the old one is worth nothing then', async () => {
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
    await until('the others are connected', async () => (await cluster.metric(a, 'holdfast_peers')) === 2)
  })
})
