import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { body, HttpFixture, model } from '../http/fixture.ts'

const infer = '/v2/models/acme%2Fm/infer'
const fails = (code: 'MEMORY_FULL' | 'UNKNOWN_MODEL', message = 'no') => ({
  infer: async () => {
    throw new HoldfastError(code, message)
  },
})

describe('the Open Inference Protocol', () => {
  it('says what the server is, that it lives, and whether it is ready', async () => {
    await using fixture = new HttpFixture()
    expect((await fixture.get('/v2')).json()).toEqual({
      name: 'holdfast',
      version: '1.2.3',
      extensions: ['binary_tensor_data'],
    })
    expect((await fixture.get('/v2/health/live')).json()).toEqual({ live: true })
    expect((await fixture.get('/v2/health/ready')).statusCode).toBe(200)
    fixture.ready = false
    expect((await fixture.get('/v2/health/ready')).statusCode).toBe(503)
  })

  it('tells the signature of a model', async () => {
    await using fixture = new HttpFixture()
    const reply = await fixture.get('/v2/models/acme/m/versions/v3')
    expect(reply.json()).toEqual({
      name: 'acme/m',
      versions: ['v3'],
      platform: 'onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
    })
  })

  it('says whether a model is ready, and what is under way', async () => {
    await using fixture = new HttpFixture()
    const loading = { state: 'fetching', progress: 0.5, bytes: 1, totalBytes: 2 }
    const ready = await fixture.get('/v2/models/acme%2Fm/ready')
    expect([ready.statusCode, ready.json()]).toEqual([200, { name: 'acme/m:latest', ready: true, loading }])
    fixture.servable = false
    expect((await fixture.get('/v2/models/acme%2Fm/ready')).statusCode).toBe(503)
  })

  it.each(['/v2/models/acme%2Fm/infer', '/v2/models/acme/m/infer', '/v2/models/acme%2Fm:v3/infer'])(
    'answers %s and says who served it from where',
    async (url) => {
      await using fixture = new HttpFixture()
      const reply = await fixture.post(url, body, { 'holdfast-tenant': 'public', 'holdfast-deadline-ms': '250.5' })
      expect(reply.statusCode).toBe(200)
      expect(reply.json()).toEqual({
        model_name: 'acme/m',
        model_version: url.includes(':v3') ? 'v3' : 'latest',
        id: '7',
        outputs: body.inputs,
      })
      expect(reply.headers).toMatchObject({
        'holdfast-served-by': 'node-b',
        'holdfast-served-from': 'forwarded',
        'holdfast-ref-age-ms': '13',
        'holdfast-elapsed-ms': '1.23',
        'holdfast-predicted-ms': '1.00',
        'holdfast-model': `sha256:${model.id}`,
        'holdfast-request-id': expect.any(String),
      })
      expect(fixture.requests[0]).toMatchObject({
        context: { tenant: 'public', deadlineMs: 250.5 },
        mayForward: true,
        outputs: null,
      })
    },
  )

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'text/json',
    'application/vnd.api+json',
    'application/octet-stream',
    '',
  ])('takes a body of the type "%s"', async (type) => {
    await using fixture = new HttpFixture()
    const headers = { host: 'localhost', ...(type === '' ? {} : { 'content-type': type }) }
    const payload = Buffer.from(JSON.stringify(body))
    const reply = await fixture.app.inject({ method: 'POST', url: infer, payload, headers })
    expect([reply.statusCode, reply.json().outputs]).toEqual([200, body.inputs])
  })

  it('takes tensors in bytes, and answers in bytes to those who ask for it', async () => {
    await using fixture = new HttpFixture()
    const { data: _, ...tensor } = body.inputs[0]!
    const inputs = [{ ...tensor, parameters: { binary_data_size: 8 } }]
    const json = JSON.stringify({ inputs, parameters: { binary_data_output: true } })
    const floats = Buffer.from(new Float32Array([1, 2]).buffer)
    const headers = {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    }
    const reply = await fixture.post(infer, Buffer.concat([Buffer.from(json), floats]), headers)
    expect(reply.headers['content-type']).toBe('application/octet-stream')
    const length = Number(reply.headers['inference-header-content-length'])
    expect(JSON.parse(reply.rawPayload.toString('utf8', 0, length))).toMatchObject({
      model_name: 'acme/m',
      outputs: inputs,
    })
    expect(reply.rawPayload.subarray(length)).toEqual(floats)
    expect(reply.headers['content-length']).toBe(String(length + 8))
    const raw = await fixture.post(infer, floats, { ...headers, 'inference-header-content-length': '0' })
    expect(fixture.requests.at(-1)!.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [1, 2], data: floats }])
    expect(raw.rawPayload.subarray(Number(raw.headers['inference-header-content-length']))).toEqual(floats)
  })

  it('answers to the name that the caller wrote, also without a namespace', async () => {
    const resolve = async () => ({ digest: model.id, manifest: model.manifest, ref: null, ageMs: 0 })
    await using fixture = new HttpFixture({ resolve })
    const reply = await fixture.post('/v2/models/resnet/versions/1/infer', body)
    expect(reply.json()).toMatchObject({ model_name: 'resnet', model_version: '1' })
    expect(fixture.requests[0]!.name).toBe('library/resnet:1')
    expect((await fixture.get('/v2/models/resnet/ready')).json()).toMatchObject({ name: 'library/resnet:latest' })
    expect((await fixture.get('/v2/models/resnet')).json()).toMatchObject({ name: 'resnet', versions: ['latest'] })
  })

  it('keeps a request here that asks for it, and takes no deadline for endless', async () => {
    await using fixture = new HttpFixture()
    await fixture.post(infer, body, { 'holdfast-forward': 'never', 'holdfast-request-id': 'abc' })
    expect(fixture.requests[0]).toMatchObject({
      mayForward: false,
      context: { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY },
    })
  })

  it('takes the lookup of the name from the deadline, and does not wait for it longer', async () => {
    await using fixture = new HttpFixture()
    const { resolve } = fixture.ports
    fixture.ports = Object.assign(fixture.ports, {
      resolve: async (name: Parameters<typeof resolve>[0]) => {
        fixture.clock.advance(40)
        return resolve(name)
      },
    })
    await fixture.post(infer, body, { 'holdfast-deadline-ms': '100' })
    expect(fixture.requests[0]!.context.deadlineMs).toBe(60)
    /** Has been asked and never answers; the time passes meanwhile. */
    const hangs = () => {
      setImmediate(() => fixture.clock.advance(10))
      return new Promise(() => {})
    }
    Object.assign(fixture.ports, { resolve: hangs })
    const late = await fixture.post(infer, body, { 'holdfast-deadline-ms': '1' })
    expect([late.statusCode, late.headers['holdfast-error']]).toEqual([504, 'DEADLINE_EXCEEDED'])
    Object.assign(fixture.ports, { resolve, signature: hangs })
    expect((await fixture.get('/v2/models/acme%2Fm', { 'holdfast-deadline-ms': '5' })).statusCode).toBe(504)
  })

  it('tells the service when the client has gone, and not before', async () => {
    const began = Promise.withResolvers<AbortSignal>()
    await using fixture = new HttpFixture({
      inference: {
        infer: ({ signal }) => {
          began.resolve(signal!)
          return new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
        },
      },
    })
    const closing = new EventEmitter()
    fixture.app.addHook('onRequest', async (_request, reply) => {
      closing.once('gone', () => reply.raw.emit('close'))
    })
    const reply = fixture.post(infer, body)
    reply.catch(() => undefined) // Looked at below, after the close.
    const signal = await began.promise
    await new Promise((resolve) => setImmediate(resolve))
    expect(signal.aborted).toBe(false)
    closing.emit('gone')
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await expect(reply).rejects.toThrow('destroyed')
  })
})

describe('our own views', () => {
  it('show cluster, models, route and metrics', async () => {
    await using fixture = new HttpFixture()
    expect((await fixture.get('/v1/cluster')).json()).toEqual({ self: 'node-a', version: '1.2.3', members: [] })
    expect((await fixture.get('/v1/models')).json()).toEqual({ models: [] })
    expect((await fixture.get('/v1/route/acme%2Fm:v3')).json()).toMatchObject({
      name: 'acme/m:v3',
      model: model.id,
      refAgeMs: 13,
      decision: { kind: 'local', reason: 'resident-here' },
    })
    const metrics = await fixture.get('/metrics')
    expect([metrics.statusCode, metrics.headers['content-type']]).toEqual([200, expect.stringContaining('text/plain')])
  })

  it('show the paths of a model, by name and by digest', async () => {
    await using fixture = new HttpFixture()
    const paths = { model: model.id, tier: 'memory', folder: '/shm/m', files: [] }
    for (const name of ['acme%2Fm:v3', 'acme/m', `sha256:${model.id}`]) {
      expect((await fixture.get(`/v1/paths/${name}`)).json()).toEqual(paths)
    }
    expect((await fixture.get('/v1/paths/acme/unknown')).json()).toMatchObject({ error: { code: 'UNKNOWN_MODEL' } })
  })

  it('show an age that is not known as null', async () => {
    const resolved = { digest: model.id, manifest: model.manifest, ref: null, ageMs: Number.POSITIVE_INFINITY }
    await using fixture = new HttpFixture({ resolve: async () => resolved })
    expect((await fixture.get('/v1/route/acme/m')).json()).toMatchObject({ refAgeMs: null })
  })
})

describe('what is refused', () => {
  const cases: {
    id: string
    send: (fixture: HttpFixture) => ReturnType<HttpFixture['get']>
    status: number
    code: string
  }[] = [
    { id: 'malformed JSON', send: (f) => f.post(infer, '{"inputs":'), status: 400, code: 'BAD_REQUEST' },
    { id: 'an empty body', send: (f) => f.post(infer, ''), status: 400, code: 'BAD_REQUEST' },
    { id: 'JSON that poisons', send: (f) => f.post(infer, '{"__proto__":{}}'), status: 400, code: 'BAD_REQUEST' },
    { id: 'no inputs', send: (f) => f.post(infer, {}), status: 400, code: 'BAD_REQUEST' },
    {
      id: 'another content type',
      send: (f) => f.post(infer, 'x', { 'content-type': 'text/csv' }),
      status: 400,
      code: 'BAD_REQUEST',
    },
    {
      id: 'a body above the limit',
      send: (f) => f.post(infer, { padding: 'x'.repeat(2_000) }),
      status: 413,
      code: 'REQUEST_TOO_LARGE',
    },
    { id: 'a bad name', send: (f) => f.post('/v2/models/a%20b%2Fm/infer', body), status: 400, code: 'BAD_MODEL_NAME' },
    { id: 'an unknown model', send: (f) => f.post('/v2/models/a%2Fb/infer', body), status: 404, code: 'UNKNOWN_MODEL' },
    { id: 'a verb by GET', send: (f) => f.get(infer), status: 400, code: 'BAD_REQUEST' },
    { id: 'a path that ends nowhere', send: (f) => f.get('/v2/nothing'), status: 404, code: 'UNKNOWN_ROUTE' },
    { id: 'a POST without a verb', send: (f) => f.post('/v2/models/a%2Fb', body), status: 404, code: 'UNKNOWN_ROUTE' },
    { id: 'a path that is not encoded right', send: (f) => f.get('/v2/models/%zz'), status: 400, code: 'BAD_REQUEST' },
    {
      id: 'a tenant by the header alone',
      send: (f) => f.post(infer, body, { 'holdfast-tenant': 'acme' }),
      status: 403,
      code: 'TENANT_MISMATCH',
    },
    {
      id: 'an empty tenant',
      send: (f) => f.post(infer, body, { 'holdfast-tenant': '' }),
      status: 403,
      code: 'TENANT_MISMATCH',
    },
    ...['0', '-1', 'soon', ''].map((deadline) => ({
      id: `a deadline of "${deadline}"`,
      send: (f: HttpFixture) => f.post(infer, body, { 'holdfast-deadline-ms': deadline }),
      status: 400,
      code: 'BAD_REQUEST',
    })),
    {
      id: 'another word than never',
      send: (f) => f.post(infer, body, { 'holdfast-forward': 'maybe' }),
      status: 400,
      code: 'BAD_REQUEST',
    },
    {
      id: 'a page of another site',
      send: (f) => f.post(infer, body, { origin: 'https://evil.example' }),
      status: 400,
      code: 'BAD_REQUEST',
    },
    {
      id: 'a name made to resolve to loopback',
      send: (f) => f.get('/v2', { host: 'evil.example' }),
      status: 400,
      code: 'BAD_REQUEST',
    },
  ]

  it.each(cases)('is $id, as $status $code in the form of the protocol', async ({ send, status, code }) => {
    await using fixture = new HttpFixture()
    const reply = await send(fixture)
    expect([reply.statusCode, reply.headers['holdfast-error']]).toEqual([status, code])
    expect(reply.json()).toEqual({ error: expect.any(String) })
    expect(reply.headers['holdfast-request-id']).toEqual(expect.any(String))
    expect(fixture.requests).toEqual([])
    expect(fixture.logged.filter(({ level }) => level === 'error')).toEqual([])
  })

  it.each([
    { id: 'an unknown model', url: '/v1/route/a/b', status: 404, code: 'UNKNOWN_MODEL' },
    { id: 'a bad name', url: '/v1/route/.b', status: 400, code: 'BAD_MODEL_NAME' },
    { id: 'a path that ends nowhere', url: '/v1/nothing?x=1', status: 404, code: 'UNKNOWN_ROUTE' },
    { id: 'the root', url: '/', status: 404, code: 'UNKNOWN_ROUTE' },
  ])('is $id on our own routes, in our own form', async ({ url, status, code }) => {
    await using fixture = new HttpFixture()
    const reply = await fixture.get(url)
    expect(reply.statusCode).toBe(status)
    expect(reply.json()).toEqual({
      error: { code, message: expect.any(String), action: expect.any(String), details: expect.any(Object) },
    })
  })

  it('says when to try again for what passes, and not for what does not', async () => {
    await using full = new HttpFixture({ inference: fails('MEMORY_FULL') })
    expect((await full.post(infer, body)).headers).toMatchObject({
      'holdfast-error': 'MEMORY_FULL',
      'retry-after': '1',
    })
    await using unknown = new HttpFixture({ inference: fails('UNKNOWN_MODEL') })
    expect((await unknown.post(infer, body)).headers).not.toHaveProperty('retry-after')
  })

  it.each([new TypeError('secret path /etc/x'), 'a text', null])(
    'is a defect of ours without its text, which the log has: %s',
    async (thrown) => {
      await using fixture = new HttpFixture({
        inference: {
          infer: async () => {
            throw thrown
          },
        },
      })
      const reply = await fixture.post(infer, body)
      expect([reply.statusCode, reply.headers['holdfast-error']]).toEqual([500, 'INTERNAL'])
      expect(reply.json()).toEqual({ error: 'Internal error; the log of the node says more.' })
      expect(
        fixture.logged.filter(({ level }) => level !== 'debug').map(({ level, message }) => [level, message]),
      ).toEqual([['error', 'request failed']])
    },
  )

  it('leaves Host and Origin to others where the interface is not loopback', async () => {
    await using fixture = new HttpFixture({}, { host: '0.0.0.0' })
    expect((await fixture.get('/v2', { host: 'edge7.example', origin: 'https://any.example' })).statusCode).toBe(200)
  })
})
