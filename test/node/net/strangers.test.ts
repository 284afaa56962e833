/** Strangers at the cluster port: whatever they hold open, peers come in. */
import { afterEach, expect, it } from 'vitest'
import { hung } from '../../support/hung.ts'
import { SilentSockets } from '../../support/silent-sockets.ts'
import { until } from '../../support/until.ts'
import { addressOf, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
const strangers = new SilentSockets()

afterEach(async () => {
  strangers.close()
  await nodes.stop()
})

function targetOf(address: string): { host: string; port: number } {
  return { host: '127.0.0.1', port: Number(/\/tcp\/(\d+)/.exec(address)?.[1]) }
}

it('260 silent connections to the cluster port keep nobody out, with the default limits', async () => {
  const node = await nodes.start()
  await strangers.open(260, targetOf(addressOf(node)))
  const peer = await nodes.start()
  await peer.network.dial(addressOf(node), { signal: hung() })
  expect(await node.up.first()).toBe(peer.network.self)
})

it('strangers that keep coming never take the place of a peer that is connected', async () => {
  const node = await nodes.start({ host: { handshakesMax: 4, handshakesPerAddressMax: 4 } })
  const peer = await nodes.start()
  await peer.network.dial(addressOf(node), { signal: hung() })
  await node.up.first()
  await strangers.open(60, targetOf(addressOf(node)))
  await until('the others give way', () => strangers.openCount <= 4)
  expect(node.network.peers()).toEqual([peer.network.self])
})

it('strangers that come again as soon as they were refused get no more than their pace, and peers come in', async () => {
  const node = await nodes.start({
    host: { failedHandshakes: { freeFailures: 4, perSecond: 0, knownPerSecond: 1_000 } },
  })
  const noise = '\xa5'.repeat(4_096)
  const target = { ...targetOf(addressOf(node)), localAddress: '127.0.0.2' }
  await strangers.open(4, target, noise)
  await until('the first ones are refused', () => strangers.openCount === 0)
  await strangers.open(8, target, noise)
  const peer = await nodes.start()
  await peer.network.dial(addressOf(node), { signal: hung() })
  expect(await node.up.first()).toBe(peer.network.self)
  // They wait, and cost nothing meanwhile.
  expect(strangers.openCount).toBe(8)
})
