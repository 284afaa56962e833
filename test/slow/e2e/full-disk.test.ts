/** A node whose disk is full serves what it has, and the rest from its peers; its disk's refusals are counted. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'
import { SmallDisk } from '../../support/small-disk.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('goes on from memory and peers when the disk is full', async ({ skip }) => {
  const tiny = await cluster.generate('tiny')
  const large = await cluster.generate('resnet50')
  await cluster.push(tiny, 'acme/tiny:v1')
  const { digest } = await cluster.push(large, 'acme/large:v1')
  const [tinyBody, largeBody] = [
    await cluster.body(join(tiny, 'model.onnx')),
    await cluster.body(join(large, 'model.onnx')),
  ]
  const b = await cluster.start('b')
  // Room for the tiny model and the state, not for the large one, whatever disk.limitBytes says.
  const disk = SmallDisk.mount(join(cluster.folder, 'a'), 24 * 2 ** 20)
  if (disk.reason !== null) return skip(disk.reason)
  const a = await cluster.start('a')
  try {
    await cluster.formed()
    const first = await cluster.infer(a, 'acme/tiny:v1', tinyBody, { forward: false })

    const refused = await fetch(`${a.httpUrl}/v2/models/acme%2Flarge:v1/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'holdfast-forward': 'never' },
      body: JSON.stringify(largeBody),
    })
    expect([refused.status, refused.headers.get('holdfast-error')]).toEqual([507, 'DISK_FULL'])
    expect(await cluster.metric(a, 'holdfast_disk_failures')).toBeGreaterThan(0)

    const again = await cluster.infer(a, 'acme/tiny:v1', tinyBody, { forward: false })
    expect(again).toMatchObject({ servedBy: a.nodeId, servedFrom: 'memory', outputs: first.outputs })
    await cluster.infer(b, 'acme/large:v1', largeBody, { forward: false })
    await cluster.heard(a, b, digest)
    expect(await cluster.infer(a, 'acme/large:v1', largeBody)).toMatchObject({
      servedBy: b.nodeId,
      servedFrom: 'forwarded',
    })
  } finally {
    await a.kill()
    disk[Symbol.dispose]()
  }
})
