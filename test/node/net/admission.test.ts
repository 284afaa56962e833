import { afterEach, expect, test } from 'vitest'
import { ClusterKey } from '../../../node/net/index.ts'
import { addressOf, connect, soon, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
afterEach(() => nodes.stop())

test('nodes with one key connect and see each other as peers', async () => {
  const a = await nodes.start()
  const b = await nodes.start()
  await connect(a, b)
  expect(a.network.peers()).toEqual([b.network.self])
  expect(b.network.peers()).toEqual([a.network.self])
  expect(a.up.items).toEqual([b.network.self])
  expect(await b.up.first()).toBe(a.network.self)
  expect(await a.network.ping(b.network.self, { signal: soon() })).toBeGreaterThanOrEqual(0)
})

test('a wrong cluster key is refused, and both sides are told why', async () => {
  const inside = await nodes.start()
  const stranger = await nodes.start({ clusterKey: ClusterKey.generate() })
  await expect(stranger.network.dial(addressOf(inside), { signal: soon() })).rejects.toMatchObject({
    code: 'WRONG_CLUSTER_KEY',
  })
  expect(await stranger.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
  expect(await inside.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
  expect(inside.up.items).toEqual([])
  expect(stranger.up.items).toEqual([])
  expect(inside.network.peers()).toEqual([])
})
