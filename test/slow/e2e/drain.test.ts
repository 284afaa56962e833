/** How a node leaves while a model is on its way. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture, getJson } from '../../e2e/cluster-fixture.ts'
import { messages, pushModel, terminate } from '../../e2e/leaving.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('is not ready any more while it finishes what runs, and everybody knows that it leaves', async () => {
  const { body } = await pushModel(cluster, 'squeezenet1.0')
  const a = await cluster.start('a', { 'log.level': 'debug' })
  const b = await cluster.start('b')
  await cluster.formed()
  expect(await getJson(a, '/readyz')).toEqual({ ready: true })
  expect(await getJson(a, '/livez')).toEqual({ alive: true })
  const answer = cluster.infer(a, 'acme/m:v1', body, { forward: false })
  await until('the model is on its way', async () => {
    const reply = await fetch(`${a.httpUrl}/v2/models/acme/m:v1/ready`)
    return ((await reply.json()) as { loading?: object }).loading
  })
  const ended = terminate(a)
  const seen = await until('A says that it is not ready', async () => {
    const reply = await fetch(`${a.httpUrl}/readyz`)
    return reply.status === 503 ? ((await reply.json()) as object) : null
  })
  expect(seen).toEqual({ ready: false, reason: 'the node is draining; send requests to another' })
  await until('B hears that A leaves', async () => {
    const members = (await cluster.members(b)) as unknown as { node: string; draining: boolean }[]
    return members.some(({ node, draining }) => node === a.nodeId && draining)
  })
  expect(await answer).toMatchObject({ servedBy: a.nodeId, servedFrom: 'origin' })
  expect(await ended).toEqual({ code: 0, signal: null })
})

it('ends at once when it is told twice', async () => {
  const { body } = await pushModel(cluster, 'squeezenet1.0')
  const a = await cluster.start('a')
  const answer = cluster.infer(a, 'acme/m:v1', body, { forward: false }).catch((error: Error) => error)
  await until('the model is on its way', async () => {
    const reply = await fetch(`${a.httpUrl}/v2/models/acme/m:v1/ready`)
    return ((await reply.json()) as { loading?: object }).loading
  })
  const ended = terminate(a)
  await until('the node begins to stop', async () => (await messages(cluster, a)).includes('stopping'))
  a.process.kill('SIGTERM')
  expect(await ended).toEqual({ code: null, signal: 'SIGTERM' })
  expect(await answer).toBeInstanceOf(Error)
  // The next life finds everything as it has to be.
  const again = await cluster.start('a')
  expect(await cluster.infer(again, 'acme/m:v1', body)).toMatchObject({ servedBy: again.nodeId })
})
