/** What calls do with streams: how many they open, and what becomes of them when something goes wrong. */
import type { Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, test } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { FrameStream } from '../../../node/net/frame-stream.ts'
import { defaultGossipOptions } from '../../../node/net/gossip.ts'
import { ClusterKeyring, Identity } from '../../../node/net/index.ts'
import { createHost, defaultHostOptions, type Host } from '../../../node/net/libp2p-options.ts'
import { rpcProtocol, singleCallProtocol } from '../../../node/net/rpc.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '../../../node/net/rpc-frames.ts'
import { systemClock } from '../../../node/system/clock.ts'
import { hung } from '../../support/hung.ts'
import { addressOf, connect, type TestNode, TestNodes } from './nodes.ts'

const nodes = new TestNodes()
const hosts: Host[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()))
  await nodes.stop()
})

/** A bare libp2p host of the cluster, on which a test speaks as it likes. */
async function bareHost(): Promise<Host> {
  const identity = await Identity.generate()
  const ports = { identity, keyring: ClusterKeyring.of(nodes.key), clock: systemClock, gater: {}, onRefusal: () => {} }
  const host = await createHost(ports, defaultHostOptions, defaultGossipOptions, [])
  hosts.push(host)
  await host.start()
  return host
}

function framed(stream: Stream): FrameStream {
  const tooLarge = (sizeBytes: number) => new HoldfastError('PEER_PROTOCOL', `${sizeBytes} bytes`)
  return new FrameStream(stream, { frameBytesMax: 2 ** 20, tooLarge })
}

/** Answers each request with its payload. */
async function echo(frames: FrameStream): Promise<void> {
  await frames.write(encodeAnswer(decodeRequest(await frames.read(hung())).payload), hung())
}

async function ask(frames: FrameStream, value: number) {
  await frames.write(encodeRequest({ method: 'echo', payload: Uint8Array.of(value) }), hung())
  return decodeAnswer(await frames.read(hung()))
}

function streamsTo(host: Host, node: TestNode): Stream[] {
  const connections = host.getConnections(peerIdFromString(node.network.self))
  return connections.flatMap(({ streams }) => streams).filter(({ protocol }) => protocol.startsWith('/holdfast/rpc/'))
}

describe('a stream', () => {
  test('carries one call after another: four calls open one, and one ahead of the next', async () => {
    const server = await bareHost()
    const callsByStream: number[] = []
    await server.handle(rpcProtocol, async (stream) => {
      const place = callsByStream.push(0) - 1
      for (const frames = framed(stream); await frames.begins(); callsByStream[place]! += 1) await echo(frames)
    })
    const { network } = await nodes.start()
    const node = await network.dial(String(server.getMultiaddrs()[0]), { signal: hung() })
    for (let call = 0; call < 4; call += 1) {
      expect([...(await network.call(node, 'echo', Uint8Array.of(call)))]).toEqual([call])
    }
    expect(callsByStream).toHaveLength(2)
    expect(callsByStream[0]! + callsByStream[1]!).toBe(4)
  })

  test('that breaks ends its call as an unreachable peer; the next call has another', async () => {
    const server = await bareHost()
    let isBroken = true
    await server.handle(rpcProtocol, async (stream) => {
      for (const frames = framed(stream); await frames.begins(); ) {
        if (isBroken) {
          isBroken = false
          stream.abort(new Error('broken'))
          return
        }
        await echo(frames)
      }
    })
    const { network } = await nodes.start()
    const node = await network.dial(String(server.getMultiaddrs()[0]), { signal: hung() })
    await expect(network.call(node, 'echo', Uint8Array.of(1))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
    expect([...(await network.call(node, 'echo', Uint8Array.of(2)))]).toEqual([2])
  })

  test('on which a peer says what nobody asked for is not used again', async () => {
    const server = await bareHost()
    await server.handle(rpcProtocol, async (stream) => {
      const frames = framed(stream)
      await frames.begins()
      const { payload } = decodeRequest(await frames.read(hung()))
      const answer = encodeAnswer(payload)
      // Twice in one piece: the second would be taken for the answer to the next call.
      const twice = Buffer.concat([Uint8Array.of(answer.length), answer, Uint8Array.of(answer.length), answer])
      stream.send(twice)
    })
    const { network } = await nodes.start()
    const node = await network.dial(String(server.getMultiaddrs()[0]), { signal: hung() })
    for (const call of [1, 2, 3]) expect([...(await network.call(node, 'echo', Uint8Array.of(call)))]).toEqual([call])
  })

  test('that a caller gives up ends the call that is served on it, and no earlier one', async () => {
    const { network } = await nodes.start()
    network.handle('echo', async (_from, payload) => payload)
    const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()]
    network.handle('wait', async (_from, payload, { signal }) => {
      signal?.addEventListener('abort', () => ended.resolve(signal.reason))
      begun.resolve()
      await ended.promise
      return payload
    })
    const client = await bareHost()
    const connection = await client.dial(multiaddr(network.addresses()[0]!))
    const frames = framed(await connection.newStream(rpcProtocol))
    expect(await ask(frames, 1)).toMatchObject({ isLast: false })
    expect(await ask(frames, 2)).toMatchObject({ isLast: false })
    await frames.write(encodeRequest({ method: 'wait', payload: new Uint8Array() }), hung())
    await begun.promise
    frames.stream.abort(new Error('given up'))
    expect(await ended.promise).toMatchObject({ code: 'PEER_UNREACHABLE' })
  })
})

test('a request that is too large is answered as the last of its stream, and others go on', async () => {
  const server = await nodes.start({ rpc: { requestBytes: 100 } })
  server.network.handle('echo', async (_from, payload) => payload)
  const client = await bareHost()
  const connection = await client.dial(multiaddr(addressOf(server)))
  const [good, bad] = [framed(await connection.newStream(rpcProtocol)), framed(await connection.newStream(rpcProtocol))]
  bad.stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
  expect(decodeAnswer(await bad.read(hung()))).toMatchObject({ isLast: true, outcome: { code: 'REQUEST_TOO_LARGE' } })
  expect(await bad.begins()).toBe(false)
  expect(await ask(good, 1)).toMatchObject({ outcome: Uint8Array.of(1) })
})

test('streams beyond the spare one are closed when nobody has used them for a while', async () => {
  const server = await nodes.start()
  server.network.handle('echo', async (_from, payload) => payload)
  let sweep = () => {}
  let nowMs = 0
  const clock = {
    ...systemClock,
    nowMs: () => nowMs,
    every: (periodMs: number, action: () => void) => {
      if (periodMs === 60_000) sweep = action
      return () => {}
    },
  }
  const client = await nodes.start({ clock })
  await connect(client, server)
  const call = () => client.network.call(server.network.self, 'echo', new Uint8Array(1))
  await Promise.all(Array.from({ length: 5 }, call))
  const host = (client.network as unknown as { parts: { host: Host } }).parts.host
  expect(streamsTo(host, server).length).toBeGreaterThanOrEqual(5)
  nowMs = 120_000
  sweep()
  await expect.poll(() => streamsTo(host, server).length).toBe(1)
  await call()
})

describe('a node of the first version', () => {
  test('is called on a stream per call', async () => {
    const old = await bareHost()
    let streamCount = 0
    await old.handle(singleCallProtocol, async (stream) => {
      streamCount += 1
      await echo(framed(stream))
      await stream.close()
    })
    const { network } = await nodes.start()
    const node = await network.dial(String(old.getMultiaddrs()[0]), { signal: hung() })
    for (const call of [1, 2, 3]) expect([...(await network.call(node, 'echo', Uint8Array.of(call)))]).toEqual([call])
    expect(streamCount).toBe(3)
  })

  test('is served on a stream per call, which ends after it', async () => {
    const server = await nodes.start()
    server.network.handle('echo', async (_from, payload) => payload)
    const old = await bareHost()
    const connection = await old.dial(multiaddr(addressOf(server)))
    const frames = framed(await connection.newStream(singleCallProtocol))
    expect(await ask(frames, 7)).toMatchObject({ outcome: Uint8Array.of(7) })
    expect(await frames.begins()).toBe(false)
  })
})
