/** Doors side by side on one server: each has its own form of errors, and none touches another's paths. */
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { type HttpDoor, ownErrorForm } from '../../../../node/doors/http/index.ts'
import { createHttpApp } from '../../../../node/doors/http/server.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { callersWith } from '../../../support/callers.ts'

const refuse = async () => {
  throw new HoldfastError('OVERLOADED', 'too much')
}

const shouting: HttpDoor = {
  prefix: '/loud',
  errorForm: ({ code, message }) => ({ body: { [code]: message.toUpperCase() }, retryAfterS: 9 }),
  register: (scope) => {
    scope.addHook('onRequest', async (_request, reply) => {
      reply.header('loud', 'yes')
    })
    scope.get('/full', refuse)
    scope.post('/body', async ({ body }) => ({ body }))
  },
}

const plain: HttpDoor = {
  prefix: '',
  errorForm: ownErrorForm,
  register: (scope) => {
    scope.get('/full', refuse)
  },
}

const app = createHttpApp({ ...callersWith(), log: silentLog }, { host: '127.0.0.1', port: 0, bodyLimitBytes: 20 }, [
  shouting,
  plain,
])
const json = { 'content-type': 'application/json' }

describe('two doors', () => {
  it.each([
    { id: 'of a route', url: '/loud/full', code: 'OVERLOADED' },
    { id: 'of an unknown path', url: '/loud/nothing', code: 'UNKNOWN_ROUTE' },
    { id: 'of a path that is not encoded right', url: '/loud/%zz', code: 'BAD_REQUEST' },
    { id: 'of a foreign page', url: '/loud/full', headers: { origin: 'https://evil.example' }, code: 'BAD_REQUEST' },
    { id: 'of a body', url: '/loud/body', method: 'POST' as const, headers: json, payload: '{', code: 'BAD_REQUEST' },
    {
      id: 'of a long body',
      url: '/loud/body',
      method: 'POST' as const,
      headers: json,
      payload: JSON.stringify('x'.repeat(30)),
      code: 'REQUEST_TOO_LARGE',
    },
  ])('give an error $id the form of the door', async ({ id: _id, code, ...request }) => {
    const reply = await app.inject(request)
    expect(reply.json()).toEqual({ [code]: expect.stringMatching(/^[^a-z]+$/) })
    expect(reply.headers['holdfast-error']).toBe(code)
  })

  it.each(['/full', '/nothing', '/%zz'])('leave %s to the other', async (url) => {
    const reply = await app.inject({ url })
    expect(reply.json()).toEqual({ error: expect.objectContaining({ code: expect.any(String) }) })
    expect(reply.headers).not.toHaveProperty('loud')
  })

  it('may know better when to come back', async () => {
    expect((await app.inject({ url: '/loud/full' })).headers).toMatchObject({ 'retry-after': '9', loud: 'yes' })
    expect((await app.inject({ url: '/full' })).headers).toMatchObject({ 'retry-after': '1' })
    expect((await app.inject({ url: '/loud/nothing' })).headers).not.toHaveProperty('retry-after')
  })
})
