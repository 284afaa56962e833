/** What a node says of its requests: the parts of each, how the last minutes went, the last errors, and since when the origin is away. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holdfast } from '../support/holdfast-command.ts'
import { ClusterFixture, getJson } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('says why a request was slow, in the answer, the log, the metrics and the status', async () => {
  const { body } = await cluster.pushTiny()
  const node = await cluster.start('box1', { 'log.slowRequestMs': 1 })
  const url = `${node.httpUrl}/v2/models/acme%2Ftiny:v1/infer`
  const post = (at: string) =>
    fetch(at, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

  const first = await post(url)

  expect(first.headers.get('server-timing')).toMatch(
    /^resolve;dur=[\d.]+, .*fetch;dur=[\d.]+, .*convert;dur=[\d.]+, .*load;dur=[\d.]+, .*run;dur=[\d.]+, total;dur=[\d.]+$/,
  )
  const second = await post(url)
  expect(second.headers.get('server-timing')).not.toContain('fetch')
  expect(await cluster.metric(node, 'holdfast_request_part_seconds_count', '{part="fetch"}')).toBe(1)
  expect(await cluster.metric(node, 'holdfast_request_part_seconds_count', '{part="run"}')).toBe(2)
  expect(await cluster.log(node)).toMatch(/"model":"acme\/tiny:v1".*"fetchMs":\d+.*"msg":"slow request"/)
  await cluster.takeOriginAway()
  expect((await post(`${node.httpUrl}/v2/models/acme%2Fother/infer`)).status).toBeGreaterThanOrEqual(400)

  const status = await getJson<{ disks: object[] }>(node, '/v1/status')

  expect(status).toMatchObject({
    requests: { count: 3, hitRatio: 0.5, latencyMs: { p50: expect.any(Number) } },
    originAwaySinceMs: expect.any(Number),
    errors: [{ count: 1, message: expect.any(String) }],
    disks: [{ freeBytes: expect.any(Number), isFull: false }],
  })
  const shown = (await holdfast(['status', '--url', node.httpUrl])).stdout
  expect(shown).toMatch(/requests\t[\d.e-]+\/s over .*50% from memory, 33% failed, half within/)
  expect(shown).toMatch(/origin\t.*AWAY since 20/)
  const peers = (await holdfast(['peers', '--url', node.httpUrl])).stdout
  expect(peers).toMatch(
    new RegExp(`^${node.nodeId}\tbox1\tthis node\tdefault\t\\d+\\.\\d+\\.\\d+\t.*acme/tiny:v1 \\(memory\\)`),
  )
})
