/** Which models real nodes have: pinned ones on several nodes, hot ones where they are asked for, each decision with its reason. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SpawnedNode } from '../../../demo/spawn-node.ts'
import type { PlacementPlanView, ReplicaPinView } from '../../../node/admin/index.ts'
import { ClusterFixture, getJson } from '../../e2e/cluster-fixture.ts'
import { holdfast } from '../../support/holdfast-command.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

const eager = { 'placement.intervalMs': 250, 'placement.graceMs': 500, 'refs.freshMs': 10_000 }

function at(node: SpawnedNode, ...args: string[]) {
  return holdfast(args, { HOLDFAST_URL: node.httpUrl, XDG_CONFIG_HOME: cluster.folder })
}

async function threeNodes(options: Record<string, string | number | boolean> = {}): Promise<SpawnedNode[]> {
  const nodes: SpawnedNode[] = []
  for (const [name, zone] of [
    ['a', 'east'],
    ['b', 'east'],
    ['c', 'west'],
  ] as const) {
    nodes.push(await cluster.start(name, { ...eager, 'node.zone': zone, ...options }))
  }
  await cluster.formed()
  return nodes
}

async function tierAt(node: SpawnedNode, model: string): Promise<string | null> {
  const { models } = await getJson<{ models: { model: string; tier: string | null }[] }>(node, '/v1/models')
  return models.find((view) => view.model === model)?.tier ?? null
}

/** Of the first three, in their order. */
async function holders(nodes: readonly SpawnedNode[], model: string): Promise<string> {
  const tiers = await Promise.all(nodes.map(async (node) => ((await tierAt(node, model)) === null ? '' : node.name)))
  return tiers.join('')
}

async function push(): Promise<{ id: string; body: Awaited<ReturnType<ClusterFixture['body']>> }> {
  const path = await cluster.generate('tiny')
  const { digest } = await cluster.push(path, 'acme/m:v1')
  return { id: digest, body: await cluster.body(join(path, 'model.onnx')) }
}

it('keeps a model that is pinned with two replicas in both zones, whichever node dies, until it is unpinned', async () => {
  const { id } = await push()
  const nodes = await threeNodes({ 'placement.replication': false })
  const [a, b, c] = nodes as [SpawnedNode, SpawnedNode, SpawnedNode]

  const { code, stdout } = await at(b, 'pin', 'acme/m:v1', '--replicas', '2', '--tier', 'disk')

  expect([code, stdout]).toEqual([0, expect.stringContaining('acme/m:v1 is pinned to disk on 2 nodes')])
  const first = await until('one node of each zone has it', async () => {
    const names = await holders(nodes, id)
    return names === 'ac' || names === 'bc' ? names : null
  })
  const primary = first === 'ac' ? a : b
  const other = first === 'ac' ? b : a
  const listed = await until('all nodes know that both have it', async () => {
    const { replicated } = await getJson<{ replicated: ReplicaPinView[] }>(other, '/v1/pins')
    return replicated[0]?.keptCount === 2 ? replicated : null
  })
  expect(listed).toMatchObject([{ name: 'acme/m:v1', replicaCount: 2, state: 'elsewhere', model: id, error: null }])
  const plan = await at(primary, 'plan')
  expect(plan.stdout).toMatch(/keep\tacme\/m:v1\tdisk\treplica\t/)
  const refused = await at(primary, 'evict', 'acme/m:v1', '--disk')
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is pinned')])

  await primary.kill()
  await until('the other node of the zone takes over', async () => (await holders([other, c], id)) === `${other.name}c`)

  expect((await at(c, 'unpin', 'acme/m:v1')).stdout).toContain('no longer pinned')
  await until('the other node hears that it is not pinned', async () => {
    return (await getJson<{ replicated: [] }>(other, '/v1/pins')).replicated.length === 0
  })
  expect(await at(other, 'evict', 'acme/m:v1', '--disk')).toMatchObject({ code: 0, stderr: '' })
})

it('knows a pin of the cluster after a restart, also of a node that was away when it was made', async () => {
  const { id } = await push()
  const a = await cluster.start('a', { ...eager, 'node.zone': 'east' })
  expect((await at(a, 'pin', 'acme/m:v1', '--replicas', '2', '--tier', 'disk')).code).toBe(0)
  await until('the only node has it', async () => (await tierAt(a, id)) !== null)
  const b = await cluster.start('b', { ...eager, 'node.zone': 'west' })
  await until('the second node brings it', async () => (await tierAt(b, id)) !== null)
  await a.stop()
  await b.stop()
  const again = await cluster.start('b', { ...eager, 'node.zone': 'west', 'cluster.bootstrap': '' })
  expect(await getJson(again, '/v1/pins')).toMatchObject({ replicated: [{ name: 'acme/m:v1', replicaCount: 2 }] })
})

it('copies a model that is forwarded again and again to where it is asked for, and says why', async () => {
  const { id, body } = await push()
  const nodes = await threeNodes()
  const [a, , c] = nodes as [SpawnedNode, SpawnedNode, SpawnedNode]
  await cluster.infer(a, 'acme/m:v1', body)
  await until('the node in the west knows that it is in memory in the east', async () => {
    const members = await cluster.members(c)
    return members.some(({ node, models }) => node === a.nodeId && models.some(({ tier }) => tier === 'memory'))
  })
  const forwarded = await cluster.infer(c, 'acme/m:v1', body)
  expect(forwarded.servedFrom).toBe('forwarded')

  const answer = await until('requests are answered where they come', async () => {
    const next = await cluster.infer(c, 'acme/m:v1', body)
    return next.servedFrom === 'memory' ? next : null
  })

  expect(answer).toMatchObject({ servedBy: c.nodeId, outputs: forwarded.outputs })
  expect(await cluster.log(c)).toMatch(/"reason":"wanted-[a-z-]+".*"msg":"placement: (copy|prefetch)"/)
  const { placement } = await getJson<{ placement: PlacementPlanView }>(c, '/v1/plan')
  expect(placement).toMatchObject({ replication: true })
  expect(placement.decisions.find(({ model }) => model === id)).toMatchObject({
    kind: 'keep',
    names: ['acme/m:v1'],
    parts: { otherCopies: 1 },
  })
  const { stdout } = await at(c, 'plan')
  expect(stdout).toMatch(/keep\tacme\/m:v1\tmemory\t(settling|in-use|on-disk)\t/)
})
