/** How a node leaves: nobody who asks meanwhile or afterwards should notice. */
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SpawnedNode } from '../../demo/spawn-node.ts'
import { until } from '../support/until.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

async function push(
  model: 'tiny' | 'squeezenet1.0',
): Promise<{ id: string; body: Awaited<ReturnType<ClusterFixture['body']>> }> {
  const path = await cluster.generate(model)
  const { digest } = await cluster.push(path, 'acme/m:v1')
  return { id: digest, body: await cluster.body(join(path, 'model.onnx')) }
}

/** Sends SIGTERM; resolves with how the process ended. */
async function terminate(node: SpawnedNode): Promise<{ code: number | null; signal: string | null }> {
  const ended = once(node.process, 'exit') as Promise<[number | null, string | null]>
  node.process.kill('SIGTERM')
  const [code, signal] = await ended
  return { code, signal }
}

async function messages(node: SpawnedNode): Promise<string[]> {
  const lines = (await cluster.log(node)).trim().split('\n')
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
}

it('hands the last copy of a wanted model on, so that it is served without the origin afterwards', async () => {
  const { id, body } = await push('tiny')
  const a = await cluster.start('a')
  const b = await cluster.start('b')
  await cluster.formed()
  const first = await cluster.infer(a, 'acme/m:v1', body)
  // B knows the tag and forwards; it holds nothing of the model.
  await cluster.heard(b, a, id)
  expect(await cluster.infer(b, 'acme/m:v1', body)).toMatchObject({ servedFrom: 'forwarded' })
  await cluster.takeOriginAway()

  expect(await terminate(a)).toEqual({ code: 0, signal: null })

  const answer = await cluster.infer(b, 'acme/m:v1', body)
  expect(answer).toMatchObject({ servedBy: b.nodeId, outputs: first.outputs })
  const told = await messages(a)
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

it('is not ready any more while it finishes what runs, and everybody knows that it leaves', async () => {
  const { body } = await push('squeezenet1.0')
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
  const { body } = await push('squeezenet1.0')
  const a = await cluster.start('a')
  const answer = cluster.infer(a, 'acme/m:v1', body, { forward: false }).catch((error: Error) => error)
  await until('the model is on its way', async () => {
    const reply = await fetch(`${a.httpUrl}/v2/models/acme/m:v1/ready`)
    return ((await reply.json()) as { loading?: object }).loading
  })
  const ended = terminate(a)
  await until('the node begins to stop', async () => (await messages(a)).includes('stopping'))
  a.process.kill('SIGTERM')
  expect(await ended).toEqual({ code: null, signal: 'SIGTERM' })
  expect(await answer).toBeInstanceOf(Error)
  // The next life finds everything as it has to be.
  const again = await cluster.start('a')
  expect(await cluster.infer(again, 'acme/m:v1', body)).toMatchObject({ servedBy: again.nodeId })
})
