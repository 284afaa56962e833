/** Requests that never end, over real sockets: they cost nobody else anything. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { BodyBudget } from '../../../../node/doors/http/body-budget.ts'
import { ownErrorForm } from '../../../../node/doors/http/errors.ts'
import { createHttpApp } from '../../../../node/doors/http/server.ts'
import { silentLog } from '../../../../node/system/index.ts'
import { callersWith } from '../../../support/callers.ts'
import { SilentSockets } from '../../../support/silent-sockets.ts'
import { until } from '../../../support/until.ts'
import { body, HttpFixture } from './fixture.ts'

const path = '/v2/models/acme%2Fm/infer'

async function listening(options: ConstructorParameters<typeof HttpFixture>[1]) {
  const fixture = new HttpFixture({}, options)
  await fixture.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fixture.app.server.address() as AddressInfo
  const post = (json: object) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
    })
  return { fixture, post, target: { host: '127.0.0.1', port } }
}

const head = (lengthBytes: number) =>
  `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${lengthBytes}\r\n\r\n`

describe('requests whose body never comes', () => {
  it('1,100 of them take no place of a request that is whole', async () => {
    const { fixture, post, target } = await listening({ requestsMax: 2, halfSentMax: 2048 })
    await using _ = fixture
    // Ends before the server, which waits for them.
    using strangers = new SilentSockets()
    await strangers.open(1_100, target, head(100))
    expect((await post(body)).status).toBe(200)
  })

  it('the oldest gives way when there are too many', async () => {
    const { fixture, post, target } = await listening({ requestsMax: 2, halfSentMax: 8 })
    await using _ = fixture
    // Ends before the server, which waits for them.
    using strangers = new SilentSockets()
    await strangers.open(100, target, head(100))
    for (let at = 0; at < 5; at += 1) expect((await post(body)).status).toBe(200)
    await until('the others give way', () => strangers.openCount <= 8)
  })

  it('one that takes too long is ended', async () => {
    const { fixture, target } = await listening({ requestTimeoutMs: 100 })
    await using _ = fixture
    // Ends before the server, which waits for them.
    using strangers = new SilentSockets()
    await strangers.open(3, target, head(100))
    await until('they are ended', () => strangers.openCount === 0)
  })
})

describe('http.bodiesLimitBytes', () => {
  it('ends the oldest body that has not arrived whole, and never one that has', () => {
    const budget = new BodyBudget(100)
    const refused: string[] = []
    const [whole, first, second] = ['whole', 'first', 'second'].map((name) => {
      const request = { name }
      budget.begin(request, () => refused.push(name))
      return request
    })
    budget.add(whole!, 40)
    budget.whole(whole!)
    budget.add(first!, 40)
    budget.add(second!, 20)
    expect([refused, budget.usedBytes]).toEqual([[], 100])
    budget.add(second!, 1)
    expect([refused, budget.usedBytes]).toEqual([['first'], 61])
    budget.add(second!, 40)
    expect([refused, budget.usedBytes]).toEqual([['first', 'second'], 40])
    budget.end(whole!)
    budget.end(whole!)
    expect(budget.usedBytes).toBe(0)
  })

  it('refuses a body that has no room beside others, and gives the room back', async () => {
    const large = { ...body, id: 'x'.repeat(70_000) }
    const limits = { bodyLimitBytes: 200_000, bodiesLimitBytes: 100_000 }
    const { fixture, post, target } = await listening(limits)
    await using _ = fixture
    // Ends before the server, which waits for them.
    using strangers = new SilentSockets()
    await strangers.open(1, target, head(150_000) + ' '.repeat(70_000))
    // The stranger's gives way: it is older and not whole.
    expect((await post(large)).status).toBe(400)
    await until('the stranger is told', () => strangers.openCount === 0)
    const small = await post(body)
    expect(small.status).toBe(200)
  })
})

describe('http.jsonLimitBytes', () => {
  it('takes JSON of exactly the limit and refuses one byte more, where it is parsed as a whole', async () => {
    const door = {
      prefix: '',
      errorForm: ownErrorForm,
      register: (scope: FastifyInstance) => void scope.post('/json', async () => ({})),
    }
    const limits = { host: '127.0.0.1', port: 0, bodyLimitBytes: 1_000, jsonLimitBytes: 20 }
    const app = createHttpApp({ ...callersWith(), log: silentLog }, limits, [door])
    const post = async (payload: string) => {
      const headers = { 'content-type': 'application/json', host: 'localhost' }
      return (await app.inject({ method: 'POST', url: '/json', payload, headers })).statusCode
    }
    expect([await post(`{"none":${'1'.repeat(11)}}`), await post(`{"none":${'1'.repeat(12)}}`)]).toEqual([200, 413])
    await app.close()
  })
})
