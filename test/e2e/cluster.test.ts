/** The main job with real processes and sockets: push, serve, share between peers, go on when things break. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

describe('a cluster', () => {
  it('gives a node every byte from its peer when the origin is away', async () => {
    const { model, body, totalBytes } = await cluster.pushTiny()
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

  it('forwards to a holder, which answers from its memory', async () => {
    const { model, body } = await cluster.pushTiny()
    const a = await cluster.start('a')
    // No room for the model: between a forward and a fetch, what was measured would decide.
    const b = await cluster.start('b', { 'memory.limitBytes': 4096 })
    await cluster.formed()
    await cluster.infer(a, 'acme/tiny:v1', body)
    await cluster.heard(b, a, model)

    expect(await cluster.infer(b, 'acme/tiny:v1', body)).toMatchObject({ servedBy: a.nodeId, servedFrom: 'forwarded' })
    const route = await getJson<{ decision: { kind: string; node: string; reason: string } }>(
      b,
      '/v1/route/acme/tiny:v1',
    )
    expect(route.decision).toMatchObject({ kind: 'forward', node: a.nodeId, reason: 'best-holder' })
    expect(await cluster.infer(a, 'acme/tiny:v1', body)).toMatchObject({ servedBy: a.nodeId, servedFrom: 'memory' })
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
