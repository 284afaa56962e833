/** The limits of the HTTP interface at their edges, and what a caller hears when the node has no room. */
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { body, HttpFixture } from './fixture.ts'

const infer = '/v2/models/acme%2Fm/infer'
const full = {
  infer: async () => {
    throw new HoldfastError('MEMORY_FULL', 'everything is leased')
  },
}

describe('http.bodyLimitBytes', () => {
  it('takes a body of exactly the limit and refuses one byte more', async () => {
    const text = JSON.stringify(body)
    await using exact = new HttpFixture({}, { bodyLimitBytes: text.length })
    expect((await exact.post(infer, text)).statusCode).toBe(200)
    const reply = await exact.post(infer, `${text} `)
    expect([reply.statusCode, reply.headers['holdfast-error']]).toEqual([413, 'REQUEST_TOO_LARGE'])
  })
})

describe('http.requestsMax', () => {
  it('answers so many at one time, refuses the next, and always answers probes', async () => {
    const going = Promise.withResolvers<void>()
    let asked = 0
    const bothAsked = Promise.withResolvers<void>()
    await using fixture = new HttpFixture(
      {
        resolve: async () => {
          asked += 1
          if (asked === 2) bothAsked.resolve()
          await going.promise
          throw new HoldfastError('UNKNOWN_MODEL', 'nobody knows it')
        },
      },
      { requestsMax: 2 },
    )
    const running = [fixture.post(infer, body), fixture.post(infer, body)]
    await bothAsked.promise
    const refused = await fixture.post(infer, body)
    expect([refused.statusCode, refused.headers['holdfast-error']]).toEqual([503, 'OVERLOADED'])
    expect(refused.headers['retry-after']).toBe('1')
    for (const probe of ['/livez', '/readyz', '/metrics', '/v2/health/live']) {
      expect((await fixture.get(probe)).statusCode, probe).toBe(200)
    }
    going.resolve()
    for (const reply of await Promise.all(running)) expect(reply.statusCode).toBe(404)
    expect((await fixture.post(infer, body)).statusCode, 'room is given back').toBe(404)
  })
})

describe('with everything leased', () => {
  it('says how far the model is, and to come back when it is expected', async () => {
    const loading = () => ({ model: 'm', state: 'fetching' as const, doneBytes: 25, totalBytes: 100, bytesPerS: 10 })
    await using fixture = new HttpFixture({ inference: full, loading })
    const reply = await fixture.post(infer, body)
    expect(reply.statusCode).toBe(503)
    expect(reply.headers).toMatchObject({ 'holdfast-error': 'MEMORY_FULL', 'retry-after': '8' })
    expect(reply.json()).toEqual({
      error: 'everything is leased',
      loading: { state: 'fetching', progress: 0.25, bytes: 25, totalBytes: 100, etaSeconds: 8 },
    })
  })

  it('leaves out what was not measured', async () => {
    const loading = () => ({ model: 'm', state: 'fetching' as const, doneBytes: 0, totalBytes: 0, bytesPerS: null })
    await using fixture = new HttpFixture({ inference: full, loading })
    const reply = await fixture.post(infer, body)
    expect(reply.headers['retry-after']).toBe('1')
    expect(reply.json()).toMatchObject({ loading: { state: 'fetching', bytes: 0, totalBytes: 0 } })
    expect(reply.json().loading).not.toHaveProperty('etaSeconds')
    await using idle = new HttpFixture({ inference: full, loading: () => null })
    expect((await idle.post(infer, body)).json()).toEqual({ error: 'everything is leased' })
  })
})

describe('health', () => {
  it('is alive while the pulse is, and says why not', async () => {
    await using fixture = new HttpFixture()
    expect((await fixture.get('/livez')).json()).toEqual({ alive: true })
    fixture.alive = false
    const dead = await fixture.get('/livez')
    expect([dead.statusCode, dead.json()]).toEqual([503, { alive: false, reason: 'the store hangs' }])
    expect((await fixture.get('/v2/health/live')).statusCode).toBe(503)
  })

  it('is ready, or says why not', async () => {
    await using fixture = new HttpFixture()
    expect((await fixture.get('/readyz')).json()).toEqual({ ready: true })
    fixture.ready = false
    const reply = await fixture.get('/readyz')
    expect([reply.statusCode, reply.json()]).toEqual([503, { ready: false, reason: 'the node is draining' }])
  })
})

describe('request ids', () => {
  it('are the caller’s when they can stand in a log line, and ours when not', async () => {
    await using fixture = new HttpFixture()
    const named = await fixture.post(infer, body, { 'holdfast-request-id': 'trace-7.a:b' })
    expect(named.headers['holdfast-request-id']).toBe('trace-7.a:b')
    expect(fixture.requests[0]!.requestId).toBe('trace-7.a:b')
    for (const bad of ['x'.repeat(129), 'two words', '{"msg":1}']) {
      const reply = await fixture.post(infer, body, { 'holdfast-request-id': bad })
      expect(reply.headers['holdfast-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    }
    const ids = fixture.logged.flatMap(({ data }) => ('requestId' in data ? [data.requestId] : []))
    expect(ids).toContain('trace-7.a:b')
  })
})
