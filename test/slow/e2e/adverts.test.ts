/** What a node says that it has is there; what it lost it takes back within seconds, and nobody who asks meanwhile fails. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SpawnedNode } from '../../../demo/spawn-node.ts'
import type { FetchTimelineView } from '../../../node/admin/index.ts'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'
import { until } from '../../support/until.ts'

/** From the loss of a blob to what other nodes know, at most: the check of what is here, the wait of gossip, and a busy machine. */
const withinMs = 5_000

let cluster: ClusterFixture
let a: SpawnedNode
let b: SpawnedNode
beforeAll(async () => {
  cluster = await ClusterFixture.create()
  a = await cluster.start('a', { 'placement.replication': false })
  b = await cluster.start('b', { 'placement.replication': false })
  await cluster.formed()
})
afterAll(() => cluster.dispose())

/** On the disk of A, and B knows of it. */
async function modelOnDiskOfA(name: string): Promise<string> {
  const folder = join(cluster.folder, 'models', name)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'weights.bin'), randomBytes(3_000_000))
  const { digest } = await cluster.push(folder, `acme/${name}:v1`)
  await bring(a, name)
  await cluster.heard(b, a, digest, 'disk')
  return digest
}

async function bring(node: SpawnedNode, name: string): Promise<void> {
  await fetch(`${node.httpUrl}/v1/prefetch/acme/${name}:v1`, {
    method: 'POST',
    body: JSON.stringify({ tier: 'disk' }),
    headers: { 'content-type': 'application/json' },
  })
  await until(`${name} is at ${node.name}`, async () => {
    const { prefetches } = (await (await fetch(`${node.httpUrl}/v1/prefetch`)).json()) as { prefetches: Prefetch[] }
    const mine = prefetches.find((prefetch) => prefetch.name === `acme/${name}:v1`)
    if (mine?.state === 'failed') throw new Error(mine.error?.message)
    return mine?.state === 'done'
  })
}

interface Prefetch {
  readonly name: string
  readonly state: string
  readonly error: { readonly message: string } | null
}

/** The only large file of A's disk tier. */
async function blobsOfA(): Promise<string[]> {
  const folder = join(cluster.folder, 'a', 'disk', 'blobs')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))
}

async function knowsOfA(model: string): Promise<boolean> {
  const members = await cluster.members(b)
  return members.some(({ node, models }) => node === a.nodeId && models.some((held) => held.model === model))
}

async function takenBackWithin(model: string): Promise<number> {
  const startedMs = performance.now()
  await until(`A does not say any more that it has ${model}`, async () => !(await knowsOfA(model)))
  return performance.now() - startedMs
}

it('a blob that verify finds damaged is taken back within seconds', async () => {
  const model = await modelOnDiskOfA('damaged')
  const [path] = await blobsOfA()
  const bytes = await readFile(path!)
  bytes[1_000_000]! ^= 1
  await writeFile(path!, bytes)
  await fetch(`${a.httpUrl}/v1/verify`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
  expect(await takenBackWithin(model)).toBeLessThan(withinMs)
  expect(await cluster.metric(a, 'holdfast_verification_failures_total', '{source="disk"}')).toBe(1)
  expect(await cluster.metric(a, 'holdfast_withdrawn_adverts_total')).toBe(1)
})

it('a blob whose file is gone is taken back as soon as somebody asks for it, who gets it elsewhere', async () => {
  const model = await modelOnDiskOfA('lost')
  const [path] = await blobsOfA()
  await rm(path!)
  await bring(b, 'lost')
  expect(await takenBackWithin(model)).toBeLessThan(withinMs)
  const { fetch: told, entries } = (await (await fetch(`${b.httpUrl}/v1/fetches/1`)).json()) as FetchTimelineView
  expect(told).toMatchObject({ state: 'complete', names: ['acme/lost:v1'] })
  expect(told.sources.map(({ source, node, bytes }) => [source, node, bytes > 0])).toEqual([
    ['origin', null, true],
    ['peer', a.nodeId, false],
  ])
  expect(entries.some(({ kind, node }) => kind === 'failure' && node === a.nodeId)).toBe(true)
  expect((await cluster.log(b)).match(/"msg":"a fetch has ended"/g)).toHaveLength(1)
})

it('an evicted model is taken back within seconds', async () => {
  const model = await modelOnDiskOfA('evicted')
  await fetch(`${a.httpUrl}/v1/evict/acme/evicted:v1`, {
    method: 'POST',
    body: JSON.stringify({ disk: true }),
    headers: { 'content-type': 'application/json' },
  })
  expect(await takenBackWithin(model)).toBeLessThan(withinMs)
})
