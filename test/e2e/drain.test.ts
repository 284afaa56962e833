/** How a node leaves: nobody who asks meanwhile or afterwards should notice. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture } from './cluster-fixture.ts'
import { messages, pushModel, terminate } from './leaving.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('hands the last copy of a wanted model on with its name, so that it is served without the origin afterwards', async () => {
  const { id, body } = await pushModel(cluster, 'tiny')
  const a = await cluster.start('a')
  const b = await cluster.start('b')
  await cluster.formed()
  const first = await cluster.infer(a, 'acme/m:v1', body)
  await cluster.heard(b, a, id)
  // B has never heard of the tag.
  await cluster.takeOriginAway()

  expect(await terminate(a)).toEqual({ code: 0, signal: null })

  const answer = await cluster.infer(b, 'acme/m:v1', body)
  expect(answer).toMatchObject({ servedBy: b.nodeId, outputs: first.outputs })
  const told = await messages(cluster, a)
  const steps = [
    'stopping',
    'draining: not ready any more, and the cluster knows',
    'the last copy of a model was handed on',
    'draining: no request runs any more',
    'stopped',
  ]
  expect(told.filter((message) => steps.includes(message))).toEqual(steps)
  expect(await cluster.log(a)).toContain('"heardBy":1')
  expect(await cluster.log(b)).toContain('taking over the last copy of a model')
})
