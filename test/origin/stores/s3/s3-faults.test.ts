/**
 * How the S3 adapter takes a store that misbehaves, by a server that plays faults: each test says what it answers, request by
 * request, and when its time is up. It proves nothing about success; that is test/s3, against a real store.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { parseS3Url, type S3Options, S3Store } from '../../../../origin/index.ts'
import { hangMs } from '../../../support/hang-ms.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

/** Pauses between tries pass as soon as they begin. The time of a request stands still until a fault lets it pass. */
class PassingPauses extends ManualClock {
  override after(delayMs: number, action: () => void): () => void {
    if (delayMs <= pauseMsMax) setImmediate(() => this.advance(delayMs))
    return super.after(delayMs, action)
  }
}

const pauseMsMax = 1_000
/** Far beyond the pauses; the timers of the sockets have it too, and are real. */
const idleTimeoutMs = hangMs
const giveUpMs = 400

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

let server: Server
let answers: Answer[]
let requests: string[]
let clock: PassingPauses

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  answers = []
  requests = []
  clock = new PassingPauses()
  server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    requests.push(`${request.method} ${request.url}`)
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    answer(request, response, Buffer.concat(pieces))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function open(options: Partial<S3Options> = {}): S3Store {
  const { port } = server.address() as AddressInfo
  return new S3Store(parseS3Url(`s3://bucket/prefix?endpoint=http://127.0.0.1:${port}`), {
    clock,
    retryBaseMs: 1,
    retryPauseMsMax: 100,
    connectTimeoutMs: hangMs,
    idleTimeoutMs,
    readGiveUpMs: giveUpMs,
    writeGiveUpMs: giveUpMs,
    ...options,
  })
}

const failure =
  (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers })
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>played</Message></Error>`)
  }
const bytes =
  (text: string): Answer =>
  (_, response) => {
    response.writeHead(206, { 'content-length': text.length, etag: '"e"' })
    response.end(text)
  }
/** As many bytes as are given, and then nothing until the time of the request has passed. */
const silentAfter =
  (sent: string): Answer =>
  (_, response) => {
    if (sent !== '') response.writeHead(206, { 'content-length': sent.length + 3 }).write(sent)
    setImmediate(() => clock.advance(idleTimeoutMs + pauseMsMax))
  }
const range = { offsetBytes: 0, sizeBytes: 5 }
const code = (expected: string) => ({ code: expected })

describe('an S3 store that', () => {
  test.each([
    { id: 'asks to slow down', fault: failure(503, 'SlowDown') },
    { id: 'throttles', fault: failure(429, 'TooManyRequests') },
    { id: 'throttles with a 400', fault: failure(400, 'Throttling') },
    { id: 'fails inside', fault: failure(500, 'InternalError') },
    { id: 'is behind a broken gateway', fault: failure(502, 'BadGateway') },
    { id: 'saw the connection time out', fault: failure(400, 'RequestTimeout') },
    { id: 'closes the connection', fault: ((request) => request.socket.destroy()) satisfies Answer },
    {
      id: 'cuts the body',
      fault: ((_, response) => {
        response.writeHead(206, { 'content-length': 5 })
        response.write('he')
        setImmediate(() => response.destroy())
      }) satisfies Answer,
    },
    {
      id: 'answers with less than it announced, in chunks',
      fault: ((_, response) => {
        response.writeHead(206)
        response.end('he')
      }) satisfies Answer,
    },
    { id: 'never ends its body', fault: silentAfter('he') },
    { id: 'never answers', fault: silentAfter('') },
    {
      id: 'ignores the range',
      fault: ((_, response) => void response.writeHead(200, { 'content-length': 9 }).end('123456789')) satisfies Answer,
    },
  ])('$id once is asked again', async ({ fault }) => {
    answers = [fault, bytes('hello')]
    const retries: string[] = []
    const store = open({ readGiveUpMs: 2 * idleTimeoutMs, onRetry: ({ error }) => retries.push(error) })
    expect(Buffer.from((await store.getRange('a', range))!).toString()).toBe('hello')
    expect(retries).toHaveLength(1)
  })

  test.each([
    { id: 'fails inside', fault: failure(500, 'InternalError') },
    { id: 'asks to slow down', fault: failure(503, 'SlowDown') },
    {
      id: 'cuts the body',
      fault: ((_, response) => {
        response.writeHead(206, { 'content-length': 5 })
        response.write('xx')
        setImmediate(() => response.destroy())
      }) satisfies Answer,
    },
    { id: 'sends more than it announced', fault: bytes('hello and more') },
    { id: 'never ends its body', fault: silentAfter('xx') },
  ])('$id once is asked again when it fills memory of the caller, from the start', async ({ fault }) => {
    answers = [fault, bytes('hello')]
    const target = Buffer.alloc(5)
    expect(await open({ readGiveUpMs: 2 * idleTimeoutMs }).readInto('a', 0, target)).toBe(5)
    expect(target.toString()).toBe('hello')
    expect(requests).toHaveLength(2)
  })

  test('ends before the range fills as much as there is, and no object is null', async () => {
    answers = [bytes('he'), failure(404, 'NoSuchKey')]
    const target = Buffer.from('-----')
    expect(await open().readInto('a', 0, target)).toBe(2)
    expect(target.toString()).toBe('he---')
    expect(await open().readInto('a', 0, target)).toBeNull()
  })

  test.each([
    { id: 'seconds', header: () => '0.05' },
    { id: 'a time', header: (wallMs: number) => new Date(wallMs + 3_000).toUTCString() },
  ])('says by $id when to come again is left alone until then, within the longest pause', async ({ header }) => {
    answers = [failure(503, 'SlowDown', { 'retry-after': header(clock.wallMs()) }), bytes('hello')]
    const pausesMs: number[] = []
    const store = open({ retryBaseMs: 1, onRetry: ({ pauseMs }) => pausesMs.push(pauseMs) })
    await store.getRange('a', range)
    expect(pausesMs).toHaveLength(1)
    expect(pausesMs[0]).toBeGreaterThanOrEqual(50)
    expect(pausesMs[0]).toBeLessThanOrEqual(100)
  })

  test('gets a large object in pieces, with the sha256 of all of them in the signature', async () => {
    const bodies: Buffer[] = []
    const digests: unknown[] = []
    answers = [
      (request, response, body) => {
        bodies.push(body)
        digests.push(request.headers['x-amz-content-sha256'])
        response.writeHead(200, { etag: '"e"' }).end()
      },
    ]
    const pieces = [Buffer.alloc(100_000, 1), Buffer.alloc(200_000, 2), Buffer.from('end')]
    expect(await open().put('a', pieces)).toBe(true)
    expect(bodies[0]!.equals(Buffer.concat(pieces))).toBe(true)
    expect(digests).toEqual([createHash('sha256').update(Buffer.concat(pieces)).digest('hex')])
  })

  test.each([
    { id: 'keeps asking to slow down', fault: failure(503, 'SlowDown') },
    { id: 'keeps failing', fault: failure(500, 'InternalError') },
    { id: 'speaks HTML', fault: ((_, response) => void response.writeHead(500).end('<html>oops')) satisfies Answer },
    {
      id: 'cuts its XML',
      fault: ((_, response) => void response.writeHead(503).end('<?xml version="1.0"?><Err')) satisfies Answer,
    },
    { id: 'is silent', fault: silentAfter('') },
  ])('$id is ORIGIN_UNAVAILABLE, in bounded time', async ({ fault }) => {
    answers = [fault]
    const boundMs = giveUpMs + idleTimeoutMs + pauseMsMax
    const startedMs = clock.nowMs()
    await expect(open().getRange('a', range)).rejects.toMatchObject(code('ORIGIN_UNAVAILABLE'))
    await expect(open().put('a', [Buffer.from('x')])).rejects.toMatchObject(code('ORIGIN_UNAVAILABLE'))
    expect(clock.nowMs() - startedMs).toBeLessThanOrEqual(2 * boundMs)
  })

  test.each([
    { id: 'denies', fault: failure(403, 'AccessDenied'), expected: 'ORIGIN_DENIED' },
    { id: 'finds the signature wrong', fault: failure(403, 'SignatureDoesNotMatch'), expected: 'ORIGIN_DENIED' },
    { id: 'finds the token expired', fault: failure(400, 'ExpiredToken'), expected: 'ORIGIN_DENIED' },
    { id: 'has reached its quota', fault: failure(403, 'QuotaExceeded'), expected: 'DISK_FULL' },
    { id: 'has no such bucket', fault: failure(404, 'NoSuchBucket'), expected: 'ORIGIN_NOT_FOUND' },
  ])('$id is told at once as $expected', async ({ fault, expected }) => {
    answers = [fault]
    await expect(open().getRange('a', range)).rejects.toMatchObject(code(expected))
    expect(requests).toHaveLength(1)
    await expect(open().put('a', [Buffer.from('x')])).rejects.toMatchObject(code(expected))
  })

  test('asks for a pause by Retry-After gets it, within the bound', async () => {
    answers = [failure(503, 'SlowDown', { 'retry-after': '3600' }), bytes('hello')]
    const pauses: number[] = []
    await open({ retryPauseMsMax: 30, onRetry: ({ pauseMs }) => pauses.push(pauseMs) }).getRange('a', range)
    expect(pauses).toEqual([30])
  })

  test('is waited for only as long as the caller wants', async () => {
    answers = [failure(503, 'SlowDown')]
    const controller = new AbortController()
    const onRetry = () => controller.abort(new Error('enough'))
    const store = open({ readGiveUpMs: 60_000, retryBaseMs: 30_000, retryPauseMsMax: 30_000, onRetry })
    await expect(store.getRange('a', range, { signal: controller.signal })).rejects.toThrow('enough')
  })

  test('ends a listing nowhere is not followed for ever', async () => {
    const page = '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>'
    answers = [(_, response) => void response.writeHead(200).end(`<ListBucketResult>${page}</ListBucketResult>`)]
    const listing = Array.fromAsync(open().list(''))
    await expect(listing).rejects.toMatchObject(code('ORIGIN_UNAVAILABLE'))
  })

  test('lists what is not below the prefix, or leads out of it, is not believed', async () => {
    const keys = ['prefix/good', 'other/key', 'prefix/../up', 'prefix//x', 'prefix/.holdfast/x', 'prefix/folder/']
    const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('')
    answers = [(_, response) => void response.writeHead(200).end(`<ListBucketResult>${contents}</ListBucketResult>`)]
    expect((await Array.fromAsync(open().list(''))).map(({ key }) => key)).toEqual(['good'])
  })

  test('announces a body that nobody takes is not read', async () => {
    answers = [(_, response) => void response.writeHead(200, { 'content-length': 2 ** 40 }).write('x')]
    await expect(open().get('a', { sizeBytesMax: 100 })).rejects.toMatchObject(code('REQUEST_TOO_LARGE'))
    answers = [(_, response) => void response.writeHead(206, { 'content-length': 2 ** 40 }).write('x')]
    await expect(open().getRange('a', range)).rejects.toMatchObject(code('ORIGIN_UNAVAILABLE'))
  })

  test('ignores conditions is found out, and then intents are used', async () => {
    answers = [(_, response) => void response.writeHead(200, { etag: '"e"' }).end()]
    // Of no listing that works; what counts is that no conditional write is trusted.
    await expect(open().put('a', [Buffer.from('x')], { ifNoneMatch: '*' })).rejects.toMatchObject(
      code('ORIGIN_UNAVAILABLE'),
    )
    expect(requests.filter((request) => request.startsWith('PUT') && request.includes('/prefix/a'))).toEqual([])
    expect(requests.some((request) => request.includes('/.holdfast/intents/'))).toBe(true)
  })

  test.each([
    { id: 'that it has done counts as done', isOurs: true },
    { id: 'that another has overtaken counts as refused', isOurs: false },
  ])('loses the answer to a conditional write $id', async ({ isOurs }) => {
    const store = open({ conditionalWrites: 'probe' })
    const seen = new Set<string>()
    let written = ''
    answers = [
      (request, response, sent) => {
        const isTarget = request.url!.startsWith('/bucket/prefix/a')
        const { 'if-none-match': none, 'if-match': match } = request.headers
        if (request.method === 'PUT' && isTarget && !seen.has('a')) {
          seen.add('a')
          written = String(request.headers['x-amz-meta-holdfast-write'])
          request.socket.destroy()
        } else if (
          request.method === 'PUT' &&
          (isTarget || (none && seen.has('probe')) || (match && match !== '"e"'))
        ) {
          failure(412, 'PreconditionFailed')(request, response, sent)
        } else if (request.method === 'HEAD' && isTarget) {
          response.writeHead(200, { 'x-amz-meta-holdfast-write': isOurs ? written : 'another' }).end()
        } else {
          if (none) seen.add('probe')
          response.writeHead(request.method === 'DELETE' ? 204 : 200, { etag: '"e"' }).end()
        }
      },
    ]
    expect(await store.put('a', [Buffer.from('mine')], { ifNoneMatch: '*' })).toBe(isOurs)
  })

  test('is not there is ORIGIN_UNAVAILABLE, with its address in the message', async () => {
    const store = open()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await expect(store.head('a')).rejects.toMatchObject({
      code: 'ORIGIN_UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
})
