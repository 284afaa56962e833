/**
 * A crowd that wants one cold model, as processes. How much of it the origin gives depends on how soon the nodes hear of each other; the
 * simulator bounds that on a clock of its own (test/sim/cluster.test.ts), and what no machine can change is asserted here.
 */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SpawnedNode } from '../../../demo/spawn-node.ts'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'

const model = 'acme/resnet50:v1'
/** No copies but for those who ask. */
const noPlacement = { 'placement.intervalMs': 3_600_000 }
let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

async function start() {
  const path = await cluster.generate('resnet50')
  const { digest, totalBytes } = await cluster.push(path, model)
  const first = await cluster.start('a', noPlacement)
  const others = [await cluster.start('b', noPlacement), await cluster.start('c', noPlacement)]
  await cluster.formed()
  return { digest, totalBytes, body: await cluster.body(join(path, 'model.onnx')), first, others }
}

const fetched = async (node: SpawnedNode) => ({
  origin: await cluster.fetchedBytes(node, 'origin'),
  peer: await cluster.fetchedBytes(node, 'peer'),
})

it('brings each of three nodes that ask at once every chunk once, and one answer', async () => {
  const { first, others, body, totalBytes } = await start()
  const nodes = [first, ...others]
  const answers = await Promise.all(nodes.map((node) => cluster.infer(node, model, body, { forward: false })))
  for (const answer of answers) expect(answer.outputs).toEqual(answers[0]!.outputs)
  const bytes = await Promise.all(nodes.map(fetched))
  const copies = bytes.map(({ origin }) => origin / totalBytes)
  console.log(`copies from the origin, by node: ${copies.map((share) => share.toFixed(2)).join(', ')}`)
  expect(bytes.map(({ origin, peer }) => origin + peer)).toEqual(nodes.map(() => totalBytes))
  expect(copies.reduce((sum, share) => sum + share, 0)).toBeGreaterThanOrEqual(1)
})

it('costs the origin nothing more once a node has the model, however many ask at once', async () => {
  const { digest, first, others, body, totalBytes } = await start()
  await cluster.infer(first, model, body, { forward: false })
  for (const node of others) await cluster.heard(node, first, digest)
  await cluster.takeOriginAway()
  const answers = await Promise.all(others.map((node) => cluster.infer(node, model, body, { forward: false })))
  expect(answers[1]!.outputs).toEqual(answers[0]!.outputs)
  expect(await fetched(first)).toEqual({ origin: totalBytes, peer: 0 })
  for (const node of others) expect(await fetched(node)).toEqual({ origin: 0, peer: totalBytes })
})
