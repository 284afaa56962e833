/** What every BulkTransport must do. The fixture makes nodes of one cluster, and one of another. */

import { createHash, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HoldfastError } from '../../common/errors.ts'
import { toBlobId } from '../../common/types.ts'
import type { BulkTransport, ChunkRequest, ServeChunk } from '../../node/ports/index.ts'
import { ChunkBuffer, fetchBytes, peerOf } from '../support/chunk-buffer.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

export interface BulkNode {
  readonly node: string
  readonly bulk: BulkTransport
}

export interface BulkFixture {
  /** The clock of all nodes. */
  readonly clock: ManualClock
  start(serve?: ServeChunk): Promise<BulkNode>
  /** A node that holds another cluster key. */
  startStranger(): Promise<BulkNode>
  stop(): Promise<void>
}

export function requestOf(bytes: Uint8Array, fields: Partial<ChunkRequest> = {}): ChunkRequest {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    blob: toBlobId(createHash('sha256').update('blob').update(bytes).digest('hex')),
    file: sha256,
    chunk: sha256,
    offsetBytes: 0,
    sizeBytes: bytes.byteLength,
    context: { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY },
    ...fields,
  }
}

export function testBulkTransport(name: string, createFixture: () => BulkFixture): void {
  describe(`BulkTransport: ${name}`, () => {
    let fixture: BulkFixture
    beforeEach(() => {
      fixture = createFixture()
    })
    afterEach(() => fixture.stop())

    const pair = async (serve: ServeChunk) => {
      const [holder, asker] = await Promise.all([fixture.start(serve), fixture.start()])
      const get = (request: ChunkRequest, options?: { signal?: AbortSignal }) =>
        fetchBytes(asker.bulk, peerOf(holder), request, options)
      return { holder, asker, get }
    }

    test.each([0, 1, 65_537, 8 * 2 ** 20])('brings a chunk of %d bytes unchanged', async (sizeBytes) => {
      const bytes = randomBytes(sizeBytes)
      const { get } = await pair(async () => bytes)
      const received = await get(requestOf(bytes))
      expect(received).not.toBeNull()
      expect(Buffer.compare(received as Uint8Array, bytes)).toBe(0)
    })

    test('fills the memory of the sink once, and ends when the sink has taken the chunk', async () => {
      const bytes = randomBytes(100_000)
      const { holder, asker } = await pair(async () => bytes)
      const taken = Promise.withResolvers<void>()
      const into = new ChunkBuffer()
      const seen: string[] = []
      into.end = async () => {
        seen.push(`whole: ${Buffer.compare(into.bytes, bytes) === 0}`)
        await taken.promise
        seen.push('taken')
      }
      const fetched = asker.bulk.fetch(peerOf(holder), requestOf(bytes), into).then(() => seen.push('fetched'))
      await until('the sink is full', () => seen.length === 1)
      taken.resolve()
      await fetched
      expect([seen, into.begun]).toEqual([['whole: true', 'taken', 'fetched'], 1])
    })

    test('asks the sink for nothing when there is no chunk', async () => {
      const { holder, asker } = await pair(async () => null)
      const into = new ChunkBuffer()
      expect(await asker.bulk.fetch(peerOf(holder), requestOf(Uint8Array.of(1)), into)).toBe(false)
      expect([into.begun, into.isWhole]).toEqual([0, false])
    })

    test('hands on the error of the sink as it is, and brings the next chunk', async () => {
      const { holder, asker, get } = await pair(async (_from, { sizeBytes }) => new Uint8Array(sizeBytes))
      const full = new HoldfastError('MEMORY_FULL', 'no room')
      const into = new ChunkBuffer()
      into.end = () => Promise.reject(full)
      await expect(asker.bulk.fetch(peerOf(holder), requestOf(Uint8Array.of(1)), into)).rejects.toBe(full)
      expect(await get(requestOf(new Uint8Array(5)))).toHaveLength(5)
    })

    test('serves what was asked for, to a known node, with tenant and deadline', async () => {
      const seen: [string, ChunkRequest][] = []
      const { asker, get } = await pair(async (from, request) => {
        seen.push([from, request])
        return new Uint8Array(request.sizeBytes)
      })
      const request = requestOf(Uint8Array.of(1, 2, 3), {
        offsetBytes: 2 ** 40 + 1,
        context: { tenant: 'acme', deadlineMs: 60_000 },
      })
      await get(request)
      expect(seen).toEqual([[asker.node, request]])
    })

    test('carries "no deadline" as Infinity', async () => {
      let deadlineMs = 0
      const { get } = await pair(async (_from, request) => {
        deadlineMs = request.context.deadlineMs
        return null
      })
      await get(requestOf(Uint8Array.of(1)))
      expect(deadlineMs).toBe(Number.POSITIVE_INFINITY)
    })

    test('has null for a chunk that the peer does not hold', async () => {
      const { get } = await pair(async () => null)
      expect(await get(requestOf(Uint8Array.of(1)))).toBeNull()
    })

    test("brings the holder's error by its code, and serves on", async () => {
      let calls = 0
      const { get } = await pair(async () => {
        if (calls++ === 0) throw new HoldfastError('OVERLOADED', 'later')
        return Uint8Array.of(7)
      })
      await expect(get(requestOf(Uint8Array.of(7)))).rejects.toMatchObject({ code: 'OVERLOADED', message: 'later' })
      expect(await get(requestOf(Uint8Array.of(7)))).toHaveLength(1)
    })

    test("hides the text of a holder's defect behind PEER_PROTOCOL", async () => {
      const { get } = await pair(async () => {
        throw new TypeError('secret detail')
      })
      const failure = await get(requestOf(Uint8Array.of(1))).catch((error: Error) => error)
      expect(failure).toMatchObject({ code: 'PEER_PROTOCOL' })
      expect((failure as Error).message).not.toContain('secret')
    })

    test('brings fifty chunks at once, each to the one who asked for it', async () => {
      const chunks = Array.from({ length: 50 }, () => randomBytes(200_000))
      const byDigest = new Map(chunks.map((bytes) => [requestOf(bytes).chunk, bytes]))
      const { get } = await pair(async (_from, request) => byDigest.get(request.chunk) ?? null)
      const received = await Promise.all(chunks.map((bytes) => get(requestOf(bytes))))
      for (const [index, bytes] of chunks.entries()) {
        expect(Buffer.compare(received[index] as Uint8Array, bytes)).toBe(0)
      }
    })

    test('lets a wrong cluster key in neither way', async () => {
      let served = 0
      const [inside, stranger] = await Promise.all([
        fixture.start(async () => {
          served++
          return Uint8Array.of(1)
        }),
        fixture.startStranger(),
      ])
      const request = requestOf(Uint8Array.of(1))
      await expect(fetchBytes(stranger.bulk, peerOf(inside), request)).rejects.toMatchObject({
        code: 'WRONG_CLUSTER_KEY',
      })
      await expect(fetchBytes(inside.bulk, peerOf(stranger), request)).rejects.toMatchObject({
        code: 'WRONG_CLUSTER_KEY',
      })
      expect(served).toBe(0)
    })

    test('takes nothing from another node than the one that was asked', async () => {
      const [a, b, asker] = await Promise.all([
        fixture.start(),
        fixture.start(async () => Uint8Array.of(1)),
        fixture.start(),
      ])
      const mixed = { node: a.node, address: b.bulk.address() }
      await expect(fetchBytes(asker.bulk, mixed, requestOf(Uint8Array.of(1)))).rejects.toMatchObject({
        code: 'PEER_PROTOCOL',
      })
    })

    test('does not reach an address where nobody listens, or that is none', async () => {
      const { holder, asker } = await pair(async () => null)
      const address = holder.bulk.address()
      await holder.bulk.stop()
      for (const bad of [address, 'nonsense', '127.0.0.1:0', '127.0.0.1:99999', '']) {
        const nobody = { node: holder.node, address: bad }
        await expect(fetchBytes(asker.bulk, nobody, requestOf(Uint8Array.of(1)))).rejects.toMatchObject({
          code: 'PEER_UNREACHABLE',
        })
      }
    })

    test("ends on the caller's signal, and the next chunk comes", async () => {
      const started = Promise.withResolvers<void>()
      const release = Promise.withResolvers<void>()
      let calls = 0
      const { get } = await pair(async (_from, request) => {
        if (calls++ > 0) return new Uint8Array(request.sizeBytes)
        started.resolve()
        await release.promise
        return new Uint8Array(request.sizeBytes)
      })
      const caller = new AbortController()
      const waiting = get(requestOf(new Uint8Array(1_000_000)), { signal: caller.signal })
      await started.promise
      caller.abort()
      await expect(waiting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      expect(await get(requestOf(new Uint8Array(10)))).toHaveLength(10)
      release.resolve()
      expect(await get(requestOf(new Uint8Array(20)))).toHaveLength(20)
    })

    test('ends when the deadline of the request passes', async () => {
      const started = Promise.withResolvers<void>()
      const { get } = await pair(() => {
        started.resolve()
        return new Promise(() => {})
      })
      const request = requestOf(Uint8Array.of(1), { context: { tenant: 'public', deadlineMs: 30 } })
      const late = get(request).catch((error: { code: string }) => error.code)
      await started.promise
      fixture.clock.advance(30)
      expect(await late).toBe('DEADLINE_EXCEEDED')
    })

    test('ends when the holder goes away, and when its node is dropped', async () => {
      const served: (() => void)[] = []
      const { holder, asker, get } = await pair(() => {
        served.shift()?.()
        return new Promise(() => {})
      })
      for (const end of [
        () => asker.bulk.drop(holder.node),
        () => holder.bulk.drop(asker.node),
        () => holder.bulk.stop(),
      ]) {
        const isServed = new Promise<void>((resolve) => served.push(resolve))
        const waiting = get(requestOf(Uint8Array.of(1))).catch((error: { code: string }) => error.code)
        await isServed
        await end()
        expect(await waiting).toBe('PEER_UNREACHABLE')
      }
    })

    test('opens a connection to a node, and to none that is not there', async () => {
      const { holder, asker } = await pair(async () => null)
      await asker.bulk.connect(peerOf(holder))
      await asker.bulk.connect(peerOf(holder))
      await holder.bulk.stop()
      const nobody = { node: 'nobody', address: holder.bulk.address() }
      await expect(asker.bulk.connect(nobody)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
    })

    test('gives nothing after it stopped', async () => {
      const { asker, get } = await pair(async () => Uint8Array.of(1))
      expect(await get(requestOf(Uint8Array.of(1)))).toHaveLength(1)
      await asker.bulk.stop()
      await expect(get(requestOf(Uint8Array.of(1)))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    })
  })
}
