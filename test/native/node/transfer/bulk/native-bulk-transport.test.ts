import { randomBytes } from 'node:crypto'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { decodeCbor, encodeCbor } from '../../../../../node/net/cbor.ts'
import { ClusterKey, Identity } from '../../../../../node/net/index.ts'
import type { BulkTransport } from '../../../../../node/ports/index.ts'
import { makeCertificate } from '../../../../../node/transfer/bulk/certificate.ts'
import { decodeFailure, encodeChunkRequest } from '../../../../../node/transfer/bulk/messages.ts'
import { Prover } from '../../../../../node/transfer/bulk/proof.ts'
import { requestOf } from '../../../../conformance/bulk-transport.suite.ts'
import { EventLog } from '../../../../node/net/event-log.ts'
import {
  bulkTlsOptions,
  encodeFrame,
  encodeHeader,
  exporterOf,
  FrameReader,
  frameKind,
} from '../../../../support/bulk-frames.ts'
import { fetchBytes, peerOf } from '../../../../support/chunk-buffer.ts'
import { hangMs } from '../../../../support/hang-ms.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { BulkNodes } from './bulk-nodes.ts'

const nodes = new BulkNodes()
const servers: Server[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await nodes.stop()
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

const one = requestOf(Uint8Array.of(1))

/** A hand-made end of a bulk connection that records the frames it gets. */
class RawEnd {
  readonly socket: TLSSocket
  readonly frames = new EventLog<{ kind: number; id: number; payload: Uint8Array }>()
  readonly closed: Promise<void>

  constructor(socket: TLSSocket) {
    this.socket = socket
    sockets.push(socket)
    const reader = new FrameReader({
      onHeader: (header) => new Uint8Array(header.lengthBytes),
      onFrame: ({ kind, id }, payload) => this.frames.add({ kind, id, payload: payload as Uint8Array }),
    })
    socket.on('data', (bytes: Buffer) => reader.push(bytes))
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  static async connect(address: string): Promise<RawEnd> {
    const [host, port] = address.split(':') as [string, string]
    const socket = connectTls({ ...bulkTlsOptions, host, port: Number(port) })
    const end = new RawEnd(socket)
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    return end
  }

  /** The code with which the other side refuses this connection. */
  async refusal(): Promise<string> {
    const { payload } = await this.frames.first(({ kind, id }) => kind === frameKind.failure && id === 0)
    return decodeFailure(payload).code
  }
}

/** A TLS listener that behaves as `onEnd` says; resolves to its address. */
async function listenRaw(onEnd: (end: RawEnd) => void): Promise<string> {
  const server = createTlsServer({ ...bulkTlsOptions, ...makeCertificate() }, (socket) => onEnd(new RawEnd(socket)))
  return await listening(server)
}

async function listening(server: Server): Promise<string> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A member of the cluster that proves itself rightly, then answers requests as `answer` does. */
async function startMember(answer: (end: RawEnd, id: number) => void): Promise<{ node: string; address: string }> {
  const identity = await Identity.generate()
  const prover = new Prover(identity, nodes.key)
  const address = await listenRaw(async (end) => {
    await end.frames.first(({ kind }) => kind === frameKind.proof)
    end.socket.write(encodeFrame(frameKind.proof, 0, prover.prove('server', exporterOf(end.socket))))
    const { id } = await end.frames.first(({ kind }) => kind === frameKind.request)
    answer(end, id)
  })
  return { node: identity.node, address }
}

test('a man in the middle with certificates of his own gets through to neither side', async () => {
  let served = 0
  const serve = async () => {
    served++
    return Uint8Array.of(1)
  }
  const [holder, asker] = await Promise.all([nodes.start({ serve }), nodes.start()])
  const address = await listenRaw((victim) => {
    void RawEnd.connect(holder.bulk.address()).then((upstream) => {
      const relay = (to: RawEnd) => (frame: { kind: number; id: number; payload: Uint8Array }) =>
        to.socket.write(encodeFrame(frame.kind, frame.id, frame.payload))
      void victim.frames.first().then(relay(upstream))
      void upstream.frames.first().then(relay(victim))
    })
  })
  await expect(fetchBytes(asker.bulk, { node: holder.node, address: address }, one)).rejects.toMatchObject({
    code: 'WRONG_CLUSTER_KEY',
  })
  expect(await holder.refused.first()).toMatchObject({ reason: expect.stringContaining('wrong cluster key') })
  expect(served).toBe(0)
})

test('a recorded proof fits no later connection', async () => {
  const holder = await nodes.start({ serve: async () => Uint8Array.of(1) })
  const recorded = Promise.withResolvers<Uint8Array>()
  const address = await listenRaw((end) => {
    void end.frames.first().then(({ payload }) => recorded.resolve(payload))
  })
  const clock = new ManualClock()
  const asker = await nodes.start({ clock })
  const attempt = fetchBytes(asker.bulk, { node: holder.node, address: address }, one).catch(
    (error: { code: string }) => error.code,
  )
  const replay = await RawEnd.connect(holder.bulk.address())
  replay.socket.write(encodeFrame(frameKind.proof, 0, await recorded.promise))
  expect(await replay.refusal()).toBe('WRONG_CLUSTER_KEY')
  clock.advance(hangMs)
  expect(await attempt).toBe('PEER_UNREACHABLE')
})

test("a member of the cluster cannot pass for another, nor send a side's own proof back", async () => {
  const holder = await nodes.start({ serve: async () => Uint8Array.of(1) })
  const victim = await Identity.generate()
  const forger = await Identity.generate()
  const forged = await RawEnd.connect(holder.bulk.address())
  const inTheNameOf = {
    node: victim.node,
    privateKey: forger.privateKey,
    sign: (bytes: Uint8Array) => forger.sign(bytes),
  }
  const prover = new Prover(inTheNameOf as Identity, nodes.key)
  forged.socket.write(encodeFrame(frameKind.proof, 0, prover.prove('client', exporterOf(forged.socket))))
  expect(await forged.refusal()).toBe('PEER_PROTOCOL')

  const reflected = await RawEnd.connect(holder.bulk.address())
  reflected.socket.write(
    encodeFrame(frameKind.proof, 0, new Prover(forger, nodes.key).prove('server', exporterOf(reflected.socket))),
  )
  expect(await reflected.refusal()).toBe('WRONG_CLUSTER_KEY')
})

test.each([
  { id: 'a request before the proof', frame: () => encodeFrame(frameKind.request, 1, encodeChunkRequest(one)) },
  { id: 'a proof that is no CBOR', frame: () => encodeFrame(frameKind.proof, 0, randomBytes(64)) },
  { id: 'a proof of no version', frame: () => encodeFrame(frameKind.proof, 0, encodeCbor({ version: 0 })) },
  { id: 'a frame of 4 GB', frame: () => encodeHeader({ kind: frameKind.proof, id: 0, lengthBytes: 0xffff_ffff }) },
])('a stranger is refused for $id', async ({ frame }) => {
  const holder = await nodes.start({ serve: async () => Uint8Array.of(1) })
  const stranger = await RawEnd.connect(holder.bulk.address())
  stranger.socket.write(frame())
  expect(await stranger.refusal()).toBe('PEER_PROTOCOL')
  await stranger.closed
})

/** Strangers that are silent, with TLS and without, and such as speak something else; resolves when all have been closed. */
function meetStrangers(holder: { readonly bulk: BulkTransport }): Promise<unknown> {
  const [host, port] = holder.bulk.address().split(':') as [string, string]
  const silentTls = connectTls({ ...bulkTlsOptions, host, port: Number(port) })
  const raw = [Buffer.alloc(0), Buffer.from('GET / HTTP/1.1\r\n\r\n'), randomBytes(10_000)].map((bytes) => {
    const socket = connectTcp(Number(port), host)
    socket.write(bytes)
    return socket
  })
  const closings = [silentTls, ...raw].map((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
    return new Promise((resolve) => socket.once('close', resolve))
  })
  return Promise.all(closings)
}

test('strangers that are silent, or speak no TLS, are closed after the time of a handshake', async () => {
  await meetStrangers(await nodes.start({ handshakeTimeoutMs: 200 }))
})

test('strangers disturb nobody while they are there', async () => {
  const holder = await nodes.start({ serve: async () => Uint8Array.of(1) })
  void meetStrangers(holder)
  const asker = await nodes.start()
  expect(await fetchBytes(asker.bulk, peerOf(holder), one)).toHaveLength(1)
})

test.each([
  {
    id: 'more bytes than were asked for',
    answer: (end: RawEnd, id: number) => end.socket.write(encodeFrame(frameKind.data, id, new Uint8Array(2))),
  },
  {
    id: 'an answer to a request that was not made',
    answer: (end: RawEnd, id: number) => end.socket.write(encodeFrame(frameKind.missing, id + 1)),
  },
  {
    id: 'a frame of an unknown kind',
    answer: (end: RawEnd, id: number) => end.socket.write(encodeFrame(77, id)),
  },
  {
    id: 'a failure that is no CBOR',
    answer: (end: RawEnd, id: number) => end.socket.write(encodeFrame(frameKind.failure, id, randomBytes(10))),
  },
])('a peer is PEER_PROTOCOL for $id', async ({ answer }) => {
  const member = await startMember(answer)
  const asker = await nodes.start()
  await expect(fetchBytes(asker.bulk, { node: member.node, address: member.address }, one)).rejects.toMatchObject({
    code: 'PEER_PROTOCOL',
  })
})

test('a holder that goes in the middle of a chunk is PEER_UNREACHABLE', async () => {
  const bytes = randomBytes(1_000_000)
  const member = await startMember((end, id) => {
    end.socket.write(encodeHeader({ kind: frameKind.data, id, lengthBytes: bytes.byteLength }))
    end.socket.write(bytes.subarray(0, 500_000), () => end.socket.destroy())
  })
  const asker = await nodes.start()
  await expect(
    fetchBytes(asker.bulk, { node: member.node, address: member.address }, requestOf(bytes)),
  ).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  })
})

test('a holder that stalls in the middle of a chunk is given up', async () => {
  const asked = Promise.withResolvers<void>()
  const member = await startMember((end, id) => {
    end.socket.write(encodeHeader({ kind: frameKind.data, id, lengthBytes: 1000 }), () => asked.resolve())
  })
  const clock = new ManualClock()
  const asker = await nodes.start({ clock, stallTimeoutMs: 100 })
  const attempt = fetchBytes(
    asker.bulk,
    { node: member.node, address: member.address },
    requestOf(new Uint8Array(1000)),
  )
  const outcome = attempt.catch((error: { code: string; message: string }) => error)
  await asked.promise
  clock.advance(100)
  expect(await outcome).toMatchObject({
    code: 'PEER_UNREACHABLE',
    message: expect.stringContaining('sent nothing for 100 ms'),
  })
})

test('a holder that sends nothing of a chunk is told of long before it is given up', async () => {
  const asked = Promise.withResolvers<void>()
  const member = await startMember(() => asked.resolve())
  const clock = new ManualClock()
  const silences: [string, number][] = []
  const onSilent = (node: string, silentMs: number) => silences.push([node, silentMs])
  const asker = await nodes.start({ clock, onSilent, stallTimeoutMs: 15_000 })
  const peer = { node: member.node, address: member.address }
  const outcome = fetchBytes(asker.bulk, peer, one).catch((error: { code: string }) => error)
  await asked.promise
  clock.advance(1_999)
  expect(silences).toEqual([])
  clock.advance(1)
  expect(silences).toEqual([[member.node, 2_000]])
  clock.advance(13_000)
  expect(await outcome).toMatchObject({ code: 'PEER_UNREACHABLE' })
})

test('a member that asks for nothing is closed after the time that an idle connection has', async () => {
  const clock = new ManualClock()
  const holder = await nodes.start({ clock, inboundIdleMs: 1_000 })
  const member = await RawEnd.connect(holder.bulk.address())
  const prover = new Prover(await Identity.generate(), nodes.key)
  member.socket.write(encodeFrame(frameKind.proof, 0, prover.prove('client', exporterOf(member.socket))))
  await member.frames.first(({ kind }) => kind === frameKind.proof)
  clock.advance(999)
  member.socket.write(encodeFrame(frameKind.request, 1, encodeChunkRequest(one)))
  await member.frames.first(({ kind }) => kind === frameKind.missing)
  clock.advance(999)
  expect(member.socket.destroyed).toBe(false)
  clock.advance(1)
  await member.closed
})

test('a stranger that speaks TLS and proves nothing is closed and told of after the time of a handshake', async () => {
  const clock = new ManualClock()
  const holder = await nodes.start({ clock })
  const stranger = await RawEnd.connect(holder.bulk.address())
  // The listener begins to count when it has seen the handshake, which may be after this end has.
  await expect.poll(() => clock.timerCount, { timeout: hangMs }).toBe(1)
  clock.advance(hangMs)
  await stranger.closed
  expect(await holder.refused.first()).toMatchObject({ reason: 'no proof in time on a bulk connection' })
})

test('a chunk that is given up in its middle is skipped, and the next one on the connection is right', async () => {
  const big = randomBytes(1_000_000)
  const half = Promise.withResolvers<RawEnd>()
  const member = await startMember((end, id) => {
    end.socket.write(encodeHeader({ kind: frameKind.data, id, lengthBytes: big.byteLength }))
    end.socket.write(big.subarray(0, 500_000), () => half.resolve(end))
  })
  const asker = await nodes.start({ connectionsPerPeerMax: 1 })
  const caller = new AbortController()
  const first = fetchBytes(asker.bulk, { node: member.node, address: member.address }, requestOf(big), {
    signal: caller.signal,
  })
  const end = await half.promise
  caller.abort()
  await expect(first).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const second = fetchBytes(asker.bulk, { node: member.node, address: member.address }, one)
  const { id } = await end.frames.first(({ kind, id }) => kind === frameKind.request && id > 1)
  end.socket.write(big.subarray(500_000))
  end.socket.write(encodeFrame(frameKind.data, id, Uint8Array.of(9)))
  expect([...((await second) as Uint8Array)]).toEqual([9])
})

test('an address that accepts and says nothing is PEER_UNREACHABLE after the handshake timeout', async () => {
  const accepted = Promise.withResolvers<Socket>()
  const address = await listening(createTcpServer((socket) => accepted.resolve(socket.on('error', () => {}))))
  const clock = new ManualClock()
  const asker = await nodes.start({ clock, handshakeTimeoutMs: 100 })
  const code = fetchBytes(asker.bulk, { node: asker.node, address }, one).catch((error: { code: string }) => error.code)
  const socket = await accepted.promise
  clock.advance(100)
  expect(await code).toBe('PEER_UNREACHABLE')
  socket.destroy()
})

test('a holder above its limit answers OVERLOADED and serves again when there is room', async () => {
  const release = Promise.withResolvers<void>()
  const full = Promise.withResolvers<void>()
  let running = 0
  const holder = await nodes.start({
    servedMax: 2,
    serve: async () => {
      if (++running === 2) full.resolve()
      await release.promise
      return Uint8Array.of(1)
    },
  })
  const asker = await nodes.start()
  const get = () => fetchBytes(asker.bulk, peerOf(holder), one)
  const held = [get(), get()]
  await full.promise
  await expect(get()).rejects.toMatchObject({ code: 'OVERLOADED' })
  release.resolve()
  expect(await Promise.all(held)).toHaveLength(2)
  // A place is free when the answer has left, of which the holder hears a moment after the asker.
  await expect.poll(() => get().catch((error: { code: string }) => error.code)).toHaveLength(1)
})

test('no more requests than allowed are under way, and the queue has an end', async () => {
  let running = 0
  let runningMax = 0
  const holder = await nodes.start({
    serve: async () => {
      runningMax = Math.max(runningMax, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return Uint8Array.of(1)
    },
  })
  const asker = await nodes.start({ connectionsPerPeerMax: 2, requestsPerConnectionMax: 3, waitingPerPeerMax: 20 })
  const all = await Promise.allSettled(Array.from({ length: 25 }, () => fetchBytes(asker.bulk, peerOf(holder), one)))
  expect(runningMax).toBeLessThanOrEqual(6)
  const refused = all.filter((result) => result.status === 'rejected')
  expect(refused).toHaveLength(5)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'OVERLOADED' })
})

test('a chunk above the limit is asked for by nobody and served to nobody', async () => {
  let served = 0
  const serve = async () => {
    served++
    return null
  }
  const holder = await nodes.start({ serve, chunkBytesMax: 100 })
  const big = requestOf(new Uint8Array(101))
  await expect(fetchBytes(holder.bulk, peerOf(holder), big)).rejects.toMatchObject({
    code: 'REQUEST_TOO_LARGE',
  })
  const asker = await nodes.start()
  await expect(fetchBytes(asker.bulk, peerOf(holder), big)).rejects.toMatchObject({
    code: 'REQUEST_TOO_LARGE',
  })
  expect(served).toBe(0)
})

test('a port that is taken is BAD_CONFIG', async () => {
  const first = await nodes.start()
  const port = Number(first.bulk.address().split(':')[1])
  await expect(nodes.start({ port })).rejects.toMatchObject({ code: 'BAD_CONFIG' })
})

test('the advertised host stands in the address', async () => {
  const { bulk } = await nodes.start({ advertiseHost: 'edge-7.example' })
  expect(bulk.address()).toMatch(/^edge-7\.example:\d+$/)
})

test('a proof is 32 + 32 + 64 bytes and their names, and shows no key', async () => {
  const holder = await nodes.start()
  const end = await RawEnd.connect(holder.bulk.address())
  const proof = new Prover(holder.identity, nodes.key).prove('client', exporterOf(end.socket))
  expect(Object.keys(decodeCbor(proof, 'proof') as object).toSorted()).toEqual([
    'answers',
    'mac',
    'node',
    'signature',
    'version',
  ])
  const key = Buffer.from(nodes.key.text().slice(5), 'base64url')
  expect(Buffer.from(proof).includes(key)).toBe(false)
})

/** Nobody listens there. */
const nowhere = '127.0.0.1:1'

test('a node that cannot be reached is asked over a connection that it has opened', async () => {
  const bytes = randomBytes(100_000)
  const seen: string[] = []
  const hidden = await nodes.start({
    serve: async (from) => {
      seen.push(from)
      return bytes
    },
  })
  const asker = await nodes.start()
  const unreached = { node: hidden.node, address: nowhere }
  await expect(fetchBytes(asker.bulk, unreached, requestOf(bytes))).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  await hidden.bulk.connect(peerOf(asker))
  const got = Array.from({ length: 20 }, () => fetchBytes(asker.bulk, unreached, requestOf(bytes)))
  for (const one of await Promise.all(got)) expect(Buffer.compare(one as Uint8Array, bytes)).toBe(0)
  expect(new Set(seen)).toEqual(new Set([asker.node]))
  hidden.bulk.drop(asker.node)
  await expect
    .poll(() => fetchBytes(asker.bulk, unreached, requestOf(bytes)).catch(({ code }) => code))
    .toBe('PEER_UNREACHABLE')
})

test('a node that cannot be reached is asked to open a connection, once for each that would have been opened', async () => {
  const bytes = randomBytes(100_000)
  const hidden = await nodes.start({ serve: async () => bytes })
  const asked: string[] = []
  const asker = await nodes.start({
    connectionsPerPeerMax: 1,
    askToDial: async (node, address) => {
      asked.push(node)
      await hidden.bulk.connect({ node: asker.node, address })
    },
  })
  const unreached = { node: hidden.node, address: nowhere }
  for (let i = 0; i < 3; i++) {
    const got = await Promise.all(Array.from({ length: 10 }, () => fetchBytes(asker.bulk, unreached, requestOf(bytes))))
    for (const one of got) expect(Buffer.compare(one as Uint8Array, bytes)).toBe(0)
  }
  expect(asked).toEqual([hidden.node])
})

test('one that is not reached and opens nothing is PEER_UNREACHABLE; one of another cluster is not asked', async () => {
  let asked = 0
  const askToDial = async () => {
    asked += 1
    throw new Error('no such node')
  }
  const [asker, other] = await Promise.all([
    nodes.start({ askToDial }),
    nodes.start({ clusterKey: ClusterKey.generate() }),
  ])
  await expect(fetchBytes(asker.bulk, { node: other.node, address: nowhere }, one)).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  })
  expect(asked).toBe(1)
  await expect(fetchBytes(asker.bulk, peerOf(other), one)).rejects.toMatchObject({ code: 'WRONG_CLUSTER_KEY' })
  expect(asked).toBe(1)
})
