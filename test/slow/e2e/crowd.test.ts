/** A crowd that wants one cold model: each node takes a part of it from the origin, and they share while it arrives. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('costs the origin little more than one copy when three nodes ask at once', async () => {
  const path = await cluster.generate('resnet50')
  const { totalBytes } = await cluster.push(path, 'acme/resnet50:v1')
  const first = await cluster.start('a')
  const nodes = [first, await cluster.start('b'), await cluster.start('c')]
  await cluster.formed()
  const body = await cluster.body(join(path, 'model.onnx'))

  const answers = await Promise.all(
    nodes.map((node) => cluster.infer(node, 'acme/resnet50:v1', body, { forward: false })),
  )

  for (const answer of answers) expect(answer.outputs).toEqual(answers[0]!.outputs)
  const fromOrigin = await Promise.all(nodes.map((node) => cluster.fetchedBytes(node, 'origin')))
  const fromPeers = await Promise.all(nodes.map((node) => cluster.fetchedBytes(node, 'peer')))
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const copies = sum(fromOrigin) / totalBytes
  console.log(
    `origin: ${copies.toFixed(2)} copies; by node ${fromOrigin.map((bytes) => (bytes / totalBytes).toFixed(2))}`,
  )
  expect(sum(fromOrigin) + sum(fromPeers)).toBe(3 * totalBytes)
  expect(copies).toBeGreaterThanOrEqual(1)
  expect(copies).toBeLessThanOrEqual(1.7)
})
