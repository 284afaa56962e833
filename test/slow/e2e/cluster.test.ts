/** A cluster under load, and with nodes that are killed. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

describe('a cluster', () => {
  it('fetches a cold model once for fifty requests at the same time', async () => {
    const { body, totalBytes } = await cluster.pushTiny()
    const a = await cluster.start('a')

    const answers = await Promise.all(Array.from({ length: 50 }, () => cluster.infer(a, 'acme/tiny:v1', body)))

    expect(new Set(answers.map(({ servedBy }) => servedBy))).toEqual(new Set([a.nodeId]))
    expect(await cluster.fetchedBytes(a, 'origin')).toBe(totalBytes)
    expect((await cluster.log(a)).match(/"msg":"a fetch has ended"/g)).toHaveLength(1)
  })

  it('loses no request when a holder is killed under load while another source exists', async () => {
    const { model, body } = await cluster.pushTiny()
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
    const { body } = await cluster.pushTiny()
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
