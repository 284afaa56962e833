/** What every ClusterNetwork must do, real or of tests. The fixture makes nodes of one cluster and connects them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HoldfastError } from '../../common/errors.ts'
import type { ClusterNetwork, ClusterNetworkEvents } from '../../node/ports/index.ts'
import type { EventLog } from '../node/net/event-log.ts'

export interface NetworkNode {
  readonly network: ClusterNetwork
  readonly up: EventLog<string>
  readonly down: EventLog<string>
  readonly messages: EventLog<{ topic: string; from: string; message: Uint8Array }>
}

export interface NetworkFixture {
  /** A started node; `judge` is its onMessage, which accepts everything when absent. */
  start(options?: { judge?: ClusterNetworkEvents['onMessage'] }): Promise<NetworkNode>
  /** Resolves when `from` and `to` are peers and gossip flows both ways. */
  connect(from: NetworkNode, to: NetworkNode): Promise<void>
  /** A node id that nobody has. */
  strangerId(): Promise<string>
  stop(): Promise<void>
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array) => new TextDecoder().decode(value)

export function testClusterNetwork(name: string, createFixture: () => NetworkFixture): void {
  describe(`ClusterNetwork: ${name}`, () => {
    let fixture: NetworkFixture
    beforeEach(() => {
      fixture = createFixture()
    })
    afterEach(() => fixture.stop())

    const pair = async () => {
      const [a, b] = await Promise.all([fixture.start(), fixture.start()])
      await fixture.connect(a, b)
      return { a, b }
    }

    test('has complete addresses after start, and nobody to talk to', async () => {
      const { network } = await fixture.start()
      expect(network.addresses().length).toBeGreaterThan(0)
      for (const address of network.addresses()) expect(address).toContain(`/p2p/${network.self}`)
      expect(network.peers()).toEqual([])
    })

    test('tells both sides of a new peer once, and dial names it', async () => {
      const [a, b] = await Promise.all([fixture.start(), fixture.start()])
      expect(await a.network.dial(b.network.addresses()[0] as string)).toBe(b.network.self)
      expect(await b.up.first()).toBe(a.network.self)
      expect(await a.network.dial(b.network.addresses()[0] as string)).toBe(b.network.self)
      expect(a.up.items).toEqual([b.network.self])
      expect(a.network.peers()).toEqual([b.network.self])
      expect(b.network.peers()).toEqual([a.network.self])
    })

    test('tells both sides when a peer is hung up', async () => {
      const { a, b } = await pair()
      await a.network.hangUp(b.network.self)
      expect(await a.down.first()).toBe(b.network.self)
      expect(await b.down.first()).toBe(a.network.self)
      expect(a.network.peers()).toEqual([])
    })

    test('tells a peer that a node stopped', async () => {
      const { a, b } = await pair()
      await b.network.stop()
      expect(await a.down.first()).toBe(b.network.self)
    })

    test('does not reach an address where nobody listens', async () => {
      const { a, b } = await pair()
      const [address] = b.network.addresses()
      await b.network.stop()
      await a.down.first()
      await expect(a.network.dial(address as string)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
    })

    test('gossips to every node over the nodes between, not to the author', async () => {
      const [a, b, c] = await Promise.all([fixture.start(), fixture.start(), fixture.start()])
      await fixture.connect(a, b)
      await fixture.connect(b, c)
      await a.network.broadcast('residency', bytes('hello'))
      expect(await b.messages.first()).toEqual({ topic: 'residency', from: a.network.self, message: bytes('hello') })
      expect(await c.messages.first()).toEqual({ topic: 'residency', from: b.network.self, message: bytes('hello') })
      expect(a.messages.items).toEqual([])
    })

    test('does not relay what the receiver calls malformed', async () => {
      const judge = (_topic: string, _from: string, message: Uint8Array) => text(message) !== 'bad'
      const [a, b, c] = await Promise.all([fixture.start(), fixture.start({ judge }), fixture.start()])
      await fixture.connect(a, b)
      await fixture.connect(b, c)
      await a.network.broadcast('state', bytes('bad'))
      await a.network.broadcast('state', bytes('good'))
      await c.messages.first()
      expect(c.messages.items.map(({ message }) => text(message))).toEqual(['good'])
    })

    test('brings an answer to a call, and the caller is known by its id', async () => {
      const { a, b } = await pair()
      b.network.handle('echo', async (from, payload) => bytes(`${from} ${text(payload)}`))
      expect(text(await a.network.call(b.network.self, 'echo', bytes('hi')))).toBe(`${a.network.self} hi`)
      expect(await a.network.call(b.network.self, 'echo', new Uint8Array(0))).toHaveLength(a.network.self.length + 1)
    })

    test('knows at both ends that a connection carries a call, and for how long it has carried none', async () => {
      const { a, b } = await pair()
      const [started, ending] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      b.network.handle('wait', async () => {
        started.resolve()
        await ending.promise
        return bytes('')
      })
      const idleMs = () => [a.network.idleMs(b.network.self), b.network.idleMs(a.network.self)]
      const call = a.network.call(b.network.self, 'wait', bytes(''))
      await started.promise
      expect(idleMs()).toEqual([0, 0])
      ending.resolve()
      await call
      await expect.poll(() => Math.min(...idleMs())).toBeGreaterThan(0)
      expect(a.network.idleMs(await fixture.strangerId())).toBe(0)
    })

    test('takes a ping for no use of the connection, at both ends', async () => {
      const { a, b } = await pair()
      const idleMs = () => Math.min(a.network.idleMs(b.network.self), b.network.idleMs(a.network.self))
      await expect.poll(idleMs).toBeGreaterThan(20)
      const startedMs = performance.now()
      await a.network.ping(b.network.self)
      // While it is under way the connection is in use.
      await expect.poll(idleMs).toBeGreaterThan(0)
      expect(idleMs()).toBeGreaterThan(performance.now() - startedMs)
    })

    test("brings a handler's error by its code", async () => {
      const { a, b } = await pair()
      b.network.handle('full', async () => {
        throw new HoldfastError('FORWARD_REFUSED', 'not here')
      })
      await expect(a.network.call(b.network.self, 'full', bytes(''))).rejects.toMatchObject({
        code: 'FORWARD_REFUSED',
        message: 'not here',
      })
    })

    test("hides the text of a handler's defect behind PEER_PROTOCOL", async () => {
      const { a, b } = await pair()
      b.network.handle('broken', async () => {
        throw new TypeError('secret detail')
      })
      const failure = await a.network.call(b.network.self, 'broken', bytes('')).catch((error: Error) => error)
      expect(failure).toMatchObject({ code: 'PEER_PROTOCOL' })
      expect((failure as Error).message).not.toContain('secret')
    })

    test('answers an unknown method with PEER_PROTOCOL', async () => {
      const { a, b } = await pair()
      await expect(a.network.call(b.network.self, 'nothing', bytes(''))).rejects.toMatchObject({
        code: 'PEER_PROTOCOL',
      })
    })

    test('does not reach an unknown node, by call or ping', async () => {
      const { a } = await pair()
      const stranger = await fixture.strangerId()
      await expect(a.network.call(stranger, 'echo', bytes(''))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
      await expect(a.network.ping(stranger)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
    })

    test("ends a call on the caller's signal, and the handler's signal fires", async () => {
      const { a, b } = await pair()
      const started = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<void>()
      b.network.handle('wait', async (_from, _payload, { signal }) => {
        signal?.addEventListener('abort', () => ended.resolve())
        started.resolve()
        await ended.promise
        return bytes('late')
      })
      const caller = new AbortController()
      const call = a.network.call(b.network.self, 'wait', bytes(''), { signal: caller.signal })
      await started.promise
      caller.abort()
      await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      await ended.promise
    })

    test('ends a call when the peer goes away', async () => {
      const { a, b } = await pair()
      const started = Promise.withResolvers<void>()
      b.network.handle('wait', async (_from, _payload, { signal }) => {
        started.resolve()
        return await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      })
      const call = a.network.call(b.network.self, 'wait', bytes('')).catch((error: { code: string }) => error.code)
      await started.promise
      await b.network.stop()
      expect(['PEER_UNREACHABLE', 'SHUTTING_DOWN']).toContain(await call)
    })

    test('measures a round trip', async () => {
      const { a, b } = await pair()
      const rttMs = await a.network.ping(b.network.self)
      expect(rttMs).toBeGreaterThanOrEqual(0)
      expect(rttMs).toBeLessThan(Number.POSITIVE_INFINITY)
    })

    test('pings a node several times at once: over a distance they overlap', async () => {
      const { a, b } = await pair()
      const pings = Array.from({ length: 6 }, () => a.network.ping(b.network.self))
      expect(await Promise.all(pings)).toHaveLength(6)
      expect(a.network.peers()).toContain(b.network.self)
    })

    test('signs so that every node can check it by the id alone', async () => {
      const { a, b } = await pair()
      const signature = a.network.sign(bytes('entry'))
      expect(b.network.verify(a.network.self, bytes('entry'), signature)).toBe(true)
      expect(b.network.verify(a.network.self, bytes('other'), signature)).toBe(false)
      expect(b.network.verify(b.network.self, bytes('entry'), signature)).toBe(false)
      expect(b.network.verify('no node id', bytes('entry'), signature)).toBe(false)
      expect(b.network.verify(a.network.self, bytes('entry'), signature.subarray(1))).toBe(false)
    })
  })
}
