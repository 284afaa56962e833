import { brotliCompressSync, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { acceptedCoding } from '../../../../node/doors/http/content-coding.ts'
import { body, HttpFixture } from './fixture.ts'

const infer = '/v2/models/acme%2Fm/infer'
const text = JSON.stringify(body)

describe('a compressed request', () => {
  it.each([
    { coding: 'gzip', payload: gzipSync(text) },
    { coding: 'x-gzip', payload: gzipSync(text) },
    { coding: 'GZIP ', payload: gzipSync(text) },
    { coding: 'deflate', payload: deflateSync(text) },
    { coding: 'br', payload: brotliCompressSync(text) },
    { coding: 'identity', payload: Buffer.from(text) },
  ])('of $coding is the request', async ({ coding, payload }) => {
    await using fixture = new HttpFixture()
    const reply = await fixture.post(infer, payload, { 'content-encoding': coding })
    expect([reply.statusCode, reply.json().outputs]).toEqual([200, body.inputs])
  })

  it.each([
    {
      id: 'a bomb',
      payload: gzipSync(Buffer.alloc(500_000)),
      code: 'REQUEST_TOO_LARGE',
      says: 'after decompression',
    },
    {
      id: 'a byte too much',
      payload: gzipSync(Buffer.alloc(1_001, ' ')),
      code: 'REQUEST_TOO_LARGE',
      says: 'http.bodyLimitBytes',
    },
    { id: 'no gzip', payload: Buffer.from(text), code: 'BAD_REQUEST', says: 'content encoding' },
    { id: 'half of it', payload: gzipSync(text).subarray(0, 40), code: 'BAD_REQUEST', says: 'content encoding' },
  ])('that is $id is $code', async ({ payload, code, says }) => {
    await using fixture = new HttpFixture()
    const reply = await fixture.post(infer, payload, { 'content-encoding': 'gzip' })
    expect([reply.headers['holdfast-error'], reply.json().error]).toEqual([code, expect.stringContaining(says)])
    expect(fixture.requests).toEqual([])
  })

  it('of an unknown coding is told which there are', async () => {
    await using fixture = new HttpFixture()
    for (const coding of ['zip', 'gzip, gzip', 'constructor']) {
      const reply = await fixture.post(infer, text, { 'content-encoding': coding })
      expect([reply.statusCode, reply.json().error]).toEqual([
        400,
        expect.stringContaining('send gzip, deflate, br or none'),
      ])
    }
  })
})

describe('a compressed answer', () => {
  const long = { inputs: [{ name: 'x', datatype: 'INT8', shape: [400], data: Array.from({ length: 400 }, () => 1) }] }
  const decode = { gzip: gunzipSync, deflate: inflateSync }

  it.each(['gzip', 'deflate'] as const)('is of %s when the client asks for it', async (coding) => {
    // A text of 4,000 digits, and as many in the answer.
    await using fixture = new HttpFixture({}, { bodyLimitBytes: 10_000 })
    const data = Array.from({ length: 2_000 }, () => 1)
    const payload = { inputs: [{ ...long.inputs[0], shape: [2_000], data }] }
    const reply = await fixture.post(infer, payload, { 'accept-encoding': coding })
    expect(reply.headers).toMatchObject({ 'content-encoding': coding, vary: 'accept-encoding' })
    expect(JSON.parse(decode[coding](reply.rawPayload).toString()).outputs[0].data).toEqual(data)
  })

  it('is none for short ones, and for clients that do not ask', async () => {
    await using fixture = new HttpFixture({}, { bodyLimitBytes: 10_000 })
    expect((await fixture.post(infer, body, { 'accept-encoding': 'gzip' })).headers).not.toHaveProperty(
      'content-encoding',
    )
    expect((await fixture.post(infer, long)).headers).not.toHaveProperty('content-encoding')
  })

  it.each([
    { header: 'gzip, deflate, br', coding: 'gzip' },
    { header: 'deflate', coding: 'deflate' },
    { header: 'gzip;q=0, deflate;q=0.5', coding: 'deflate' },
    { header: '*', coding: 'gzip' },
    { header: 'GZIP; q=0.1', coding: 'gzip' },
    { header: 'identity', coding: null },
    { header: '*;q=0', coding: null },
    { header: 'gzip;q=x', coding: null },
    { header: undefined, coding: null },
  ])('for $header is $coding', ({ header, coding }) => {
    expect(acceptedCoding(header)).toBe(coding)
  })
})
