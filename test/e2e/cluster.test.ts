/** The main job with real processes and sockets: push, serve, share between peers, go on when things break. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { InferBody } from '../../demo/ask.ts'
import { until } from '../support/until.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

async function pushTiny(): Promise<{ model: string; body: InferBody; totalBytes: number }> {
  const path = await cluster.generate('tiny')
  const { digest, totalBytes } = await cluster.push(path, 'acme/tiny:v1')
  return { model: digest, body: await cluster.body(join(path, 'model.onnx')), totalBytes }
}

describe('a cluster', () => {
  it('gives a node every byte from its peer when the origin is away', async () => {
    const { model, body, totalBytes } = await pushTiny()
    const a = await cluster.start('a')
    const b = await cluster.start('b')
    await cluster.formed()
    const first = await cluster.infer(a, 'acme/tiny:v1', body)
    expect(first).toMatchObject({ servedBy: a.nodeId, servedFrom: 'origin' })
    await cluster.heard(b, a, model)
    await cluster.takeOriginAway()

    const second = await cluster.infer(b, 'acme/tiny:v1', body, { forward: false })

    expect(second).toMatchObject({ servedBy: b.nodeId, servedFrom: 'peer', outputs: first.outputs })
    expect(await cluster.fetchedBytes(b, 'peer')).toBe(totalBytes)
    expect(await cluster.fetchedBytes(b, 'origin')).toBe(0)
  })

  it('forwards to a holder, and answers from its own memory once it holds the model', async () => {
    const { model, body } = await pushTiny()
    const a = await cluster.start('a')
    const b = await cluster.start('b')
    await cluster.formed()
    await cluster.infer(a, 'acme/tiny:v1', body)
    await cluster.heard(b, a, model)

    expect(await cluster.infer(b, 'acme/tiny:v1', body)).toMatchObject({ servedBy: a.nodeId, servedFrom: 'forwarded' })
    const route = await getJson<{ decision: { kind: string; node: string; reason: string } }>(
      b,
      '/v1/route/acme/tiny:v1',
    )
    expect(route.decision).toMatchObject({ kind: 'forward', node: a.nodeId, reason: 'best-holder' })
    await cluster.infer(b, 'acme/tiny:v1', body, { forward: false })
    expect(await cluster.infer(b, 'acme/tiny:v1', body)).toMatchObject({ servedBy: b.nodeId, servedFrom: 'memory' })
  })

  it('fetches a cold model once for fifty requests at the same time', async () => {
    const { body, totalBytes } = await pushTiny()
    const a = await cluster.start('a')

    const answers = await Promise.all(Array.from({ length: 50 }, () => cluster.infer(a, 'acme/tiny:v1', body)))

    expect(new Set(answers.map(({ servedBy }) => servedBy))).toEqual(new Set([a.nodeId]))
    expect(await cluster.fetchedBytes(a, 'origin')).toBe(totalBytes)
    expect((await cluster.log(a)).match(/"msg":"fetched"/g)).toHaveLength(1)
  })

  it('loses no request when a holder is killed under load while another source exists', async () => {
    const { model, body } = await pushTiny()
    const a = await cluster.start('a')
    const b = await cluster.start('b')
    const c = await cluster.start('c')
    await cluster.formed()
    await cluster.infer(a, 'acme/tiny:v1', body)
    await cluster.infer(b, 'acme/tiny:v1', body, { forward: false })
    await cluster.heard(c, a, model)
    await cluster.heard(c, b, model)
    const answers: { servedBy: string }[] = []
    let running = true
    const load = Array.from({ length: 4 }, async () => {
      while (running) answers.push(await cluster.infer(c, 'acme/tiny:v1', body))
    })
    await until('both holders serve', () => new Set(answers.map(({ servedBy }) => servedBy)).size >= 2)
    const before = answers.length

    await a.kill()
    await until('requests go on without it', () => answers.length > before + 200)
    running = false
    await Promise.all(load)

    expect(new Set(answers.slice(-50).map(({ servedBy }) => servedBy))).not.toContain(a.nodeId)
    await until('c suspects the dead node', async () =>
      (await cluster.members(c)).some(({ node, suspected }) => node === a.nodeId && suspected),
    )
  })

  it('knows after kill -9 and a restart what lies on its disk, without asking anybody for a byte', async () => {
    const { body } = await pushTiny()
    const a = await cluster.start('a')
    const before = await cluster.infer(a, 'acme/tiny:v1', body)
    await a.kill()
    await cluster.takeOriginAway()

    const again = await cluster.start('a', { 'cluster.bootstrap': '' })

    expect(again.nodeId).toBe(a.nodeId)
    expect(await cluster.infer(again, 'acme/tiny:v1', body)).toMatchObject({
      servedFrom: 'disk',
      outputs: before.outputs,
    })
    expect(await cluster.fetchedBytes(again, 'origin')).toBe(0)
  })
})

describe('a node with a wrong cluster key', () => {
  it('is not admitted, and both sides say so', async () => {
    const a = await cluster.start('a')
    const stranger = await cluster.start('stranger', { 'cluster.keyFile': '' })

    await until('the stranger says so', async () => /wrong cluster key/.test(await cluster.log(stranger)))
    await until('the node says so', async () => /wrong cluster key/.test(await cluster.log(a)))
    expect(await cluster.members(a)).toHaveLength(1)
    expect(await cluster.members(stranger)).toHaveLength(1)
  })
})

describe('errors over HTTP', () => {
  it('name the model that nobody knows, in the form of the protocol, with a code', async () => {
    const a = await cluster.start('a')

    const response = await fetch(`${a.httpUrl}/v2/models/acme%2Fabsent/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [0] }] }),
    })

    expect(response.status).toBe(404)
    expect(response.headers.get('holdfast-error')).toBe('UNKNOWN_MODEL')
    expect(await response.json()).toEqual({ error: expect.stringContaining('acme/absent:latest') })
  })
})
