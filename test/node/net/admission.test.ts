import { randomBytes } from 'node:crypto'
import { connect as connectSocket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ClusterKey, Identity } from '../../../node/net/index.ts'
import { hung } from '../../support/hung.ts'
import { addressOf, connect, type TestNode, TestNodes } from './nodes.ts'

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
  expect(await a.network.ping(b.network.self, { signal: hung() })).toBeGreaterThanOrEqual(0)
})

test('a wrong cluster key is refused, and both sides are told why', async () => {
  const inside = await nodes.start()
  const stranger = await nodes.start({ clusterKey: ClusterKey.generate() })
  await expect(stranger.network.dial(addressOf(inside), { signal: hung() })).rejects.toMatchObject({
    code: 'WRONG_CLUSTER_KEY',
  })
  expect(await stranger.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
  expect(await inside.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
  expect(inside.up.items).toEqual([])
  expect(stranger.up.items).toEqual([])
  expect(inside.network.peers()).toEqual([])
})

test('a listener that is dialled under another identity is refused as such', async () => {
  const a = await nodes.start()
  const b = await nodes.start()
  const c = await nodes.start()
  const address = addressOf(b).replace(b.network.self, c.network.self)
  await expect(a.network.dial(address, { signal: hung() })).rejects.toMatchObject({ code: 'PEER_PROTOCOL' })
  expect(await a.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong identity') })
  expect(a.network.peers()).toEqual([])
})

test('a stranger that hangs up during the handshake is not blamed for a wrong key', async () => {
  const inside = await nodes.start()
  const socket = connectSocket(portOf(inside), '127.0.0.1')
  socket.on('error', () => {})
  socket.end(Buffer.concat([line('/multistream/1.0.0'), line('/noise')]))
  expect(await inside.refused.first()).toMatchObject({ reason: expect.stringContaining('closed the connection') })
})

test('garbage on the listening port ends that connection only', async () => {
  const inside = await nodes.start()
  for (const garbage of [randomBytes(100_000), Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(70_000, 0xff)]) {
    const socket = connectSocket(portOf(inside), '127.0.0.1')
    socket.on('error', () => {})
    socket.end(garbage)
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
  }
  const friend = await nodes.start()
  await connect(friend, inside)
  expect(inside.network.peers()).toEqual([friend.network.self])
})

test('a stranger that says nothing is cut off after the time of a handshake', async () => {
  const inside = await nodes.start({ host: { handshakeTimeoutMs: 100 } })
  const socket = connectSocket(portOf(inside), '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  expect(inside.up.items).toEqual([])
})

test('a node finds its bootstrap node again after that one came back', async () => {
  const identity = await Identity.generate()
  const seed = await nodes.start({ identity })
  const address = addressOf(seed)
  const port = portOf(seed)
  const node = await nodes.start({
    bootstrap: { addresses: [address.replace(/\/p2p\/.*/, '')], backoffMs: 20, backoffMsMax: 50 },
  })
  expect(await node.up.first()).toBe(seed.network.self)
  await seed.network.stop()
  await node.down.first()
  const again = await nodes.start({ identity, host: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } })
  expect(await again.up.first()).toBe(node.network.self)
})

test('a node waits for a bootstrap node that is not there yet', async () => {
  const identity = await Identity.generate()
  const probe = await nodes.start()
  const port = portOf(probe)
  await probe.network.stop()
  const node = await nodes.start({
    bootstrap: { addresses: [`/ip4/127.0.0.1/tcp/${port}`], backoffMs: 20, backoffMsMax: 50 },
  })
  const seed = await nodes.start({ identity, host: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } })
  expect(await node.up.first()).toBe(seed.network.self)
})

test('a port that is taken is BAD_CONFIG', async () => {
  const a = await nodes.start()
  await expect(nodes.start({ host: { listen: [`/ip4/127.0.0.1/tcp/${portOf(a)}`] } })).rejects.toMatchObject({
    code: 'BAD_CONFIG',
  })
})

function portOf(node: TestNode): number {
  return Number(/\/tcp\/(\d+)/.exec(addressOf(node))?.[1])
}

/** A multistream-select line: length, text, newline. */
function line(text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length + 1), Buffer.from(`${text}\n`)])
}
