/**
 * A cluster while it is upgraded: one node speaks as a later version, one as this one. They gossip, forward and give each other
 * weights, both ways. (That unknown kinds, fields and tiers are left out is tested with the codecs.)
 */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('works with two protocol versions, whichever asks', async () => {
  const [one, two] = [await cluster.generate('tiny', 1), await cluster.generate('tiny', 2)]
  const ofOld = await cluster.push(one, 'acme/one:v1')
  const ofNew = await cluster.push(two, 'acme/two:v1')
  const body = await cluster.body(join(one, 'model.onnx'))
  const old = await cluster.start('old')
  const later = await cluster.start('later', {}, { HOLDFAST_PROTOCOL_VERSION: '2' })
  await cluster.formed()
  await cluster.infer(old, 'acme/one:v1', body, { forward: false })
  await cluster.infer(later, 'acme/two:v1', body, { forward: false })

  // Gossip: each hears what the other holds.
  await cluster.heard(later, old, ofOld.digest)
  await cluster.heard(old, later, ofNew.digest)
  // Forwarding.
  expect(await cluster.infer(later, 'acme/one:v1', body)).toMatchObject({
    servedBy: old.nodeId,
    servedFrom: 'forwarded',
  })
  expect(await cluster.infer(old, 'acme/two:v1', body)).toMatchObject({
    servedBy: later.nodeId,
    servedFrom: 'forwarded',
  })
  // Weights, with the origin away.
  await cluster.takeOriginAway()
  await cluster.infer(later, 'acme/one:v1', body, { forward: false })
  await cluster.infer(old, 'acme/two:v1', body, { forward: false })
  expect(await cluster.fetchedBytes(later, 'peer')).toBe(ofOld.totalBytes)
  expect(await cluster.fetchedBytes(old, 'peer')).toBe(ofNew.totalBytes)
  for (const node of [old, later]) {
    const log = await cluster.log(node)
    expect(log).not.toContain('malformed')
    expect(log).not.toContain('a peer is dropped')
  }
})
