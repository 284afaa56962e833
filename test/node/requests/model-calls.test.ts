import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import type { ModelSignature } from '../../../node/ports/index.ts'
import { contextOf, mayForward } from '../../../node/requests/call-context.ts'
import type { InferenceRequest } from '../../../node/requests/inference-service.ts'
import { type InferCall, ModelCalls, type ModelCallsPorts } from '../../../node/requests/model-calls.ts'
import { runnableFileOf } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { bytesOf, modelOf } from '../../support/models.ts'
import { quietTiming } from '../../support/request-timing.ts'

const model = modelOf({ 'model.onnx': bytesOf(100, 'm') })
const name = { namespace: 'acme', name: 'm', tag: 'v3' }
const loading = { model: model.id, state: 'fetching' as const, doneBytes: 1, totalBytes: 2, bytesPerS: null }

const signature: ModelSignature = {
  platform: 'onnx',
  inputs: [],
  outputs: [],
  omittedOutputs: [],
  weights: 'shared',
  privateBytes: 0,
}

function callsWith(over: Partial<ModelCallsPorts>) {
  const clock = new ManualClock()
  const requests: InferenceRequest[] = []
  const calls = new ModelCalls({
    checkName: () => {},
    within: (_tenant, work) => work(),
    inference: {
      infer: async (request) => {
        requests.push(request)
        throw new HoldfastError('MEMORY_FULL', 'everything is leased')
      },
    },
    resolve: async () => {
      clock.advance(40)
      return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 7 }
    },
    isKnown: () => true,
    lookUpBehind: () => {},
    signature: async () => signature,
    isServable: () => true,
    predict: (_resolved, _context, batch) => ({ batch, options: [] }),
    route: (_resolved, { deadlineMs }) => ({
      kind: 'local',
      expectedMs: deadlineMs,
      reason: 'resident-here',
      alternatives: [],
    }),
    loading: () => loading,
    timing: quietTiming(clock),
    clock,
    ...over,
  })
  return { calls, requests }
}

const ask = { name, inputs: [], outputs: null, mayForward: true, context: { tenant: 'a', deadlineMs: 100 } }

describe('ModelCalls', () => {
  it('takes the lookup of the name from the time of each call', async () => {
    const { calls, requests } = callsWith({})
    await expect(calls.infer(ask)).rejects.toThrow('everything is leased')
    expect(requests[0]).toMatchObject({ name: 'acme/m:v3', context: { tenant: 'a', deadlineMs: 60 } })
    const view = await calls.route(name, { tenant: 'a', deadlineMs: 100 })
    expect(view).toMatchObject({ model: model.id, refAgeMs: 7, decision: { expectedMs: 60 } })
    await expect(calls.signature(name, { tenant: 'a', deadlineMs: 30 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
  })

  it('counts a request whose bytes the model has to name once, and takes the loading for that from its time', async () => {
    const clock = new ManualClock()
    const counted: string[] = []
    const { calls, requests } = callsWith({
      clock,
      within: (tenant, work) => {
        counted.push(tenant)
        return work()
      },
      resolve: async () => ({ digest: model.id, manifest: model.manifest, ref: null, ageMs: 7 }),
      signature: async () => {
        clock.advance(30)
        return { ...signature, inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }] }
      },
    })
    const inputs: InferCall['inputs'] = ({ inputs: wanted }) => [{ ...wanted[0]!, data: Buffer.alloc(4) }]
    await expect(calls.infer({ ...ask, inputs })).rejects.toThrow('everything is leased')
    expect(counted).toEqual(['a'])
    expect(requests).toMatchObject([{ inputs: [{ name: 'x' }], context: { deadlineMs: 70 } }])
    await expect(calls.infer({ ...ask, inputs, context: { tenant: 'a', deadlineMs: 20 } })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    expect(requests).toHaveLength(1)
  })

  it('knows how far the model was when a call for it failed', async () => {
    const { calls } = callsWith({})
    const error = await calls.infer(ask).catch((thrown: unknown) => thrown)
    expect(calls.loadingAt(error)).toEqual(loading)
    expect(calls.loadingAt(new HoldfastError('MEMORY_FULL', 'another'))).toBeNull()
    const idle = callsWith({ loading: () => null }).calls
    expect(idle.loadingAt(await idle.infer(ask).catch((thrown: unknown) => thrown))).toBeNull()
  })
})

it('names that nobody knows, asked for over and over, keep nobody from those that are known', async () => {
  const clock = new ManualClock()
  const resolve: ModelCallsPorts['resolve'] = async (given) => {
    if (given.name === name.name) return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 0 }
    throw new HoldfastError('UNKNOWN_MODEL', 'nobody knows it')
  }
  const { calls } = callsWith({ resolve, clock, isKnown: (given) => given.name === name.name })
  const context = { tenant: 'a', deadlineMs: 100 }
  const askUnknown = (at: number) => calls.route({ ...name, name: `x${at}` }, context)
  for (let at = 0; at < 256; at += 1) await expect(askUnknown(at)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
  const more = Array.from({ length: 20 }, (_, at) => askUnknown(at).catch(({ code }: HoldfastError) => code))
  expect(await Promise.race(more)).toBe('OVERLOADED')
  expect((await calls.route(name, context)).model).toBe(model.id)
  clock.advance(20)
  expect(await more[0]).toBe('UNKNOWN_MODEL')
})

it('names that nobody knows keep no other caller from looking one up, and an origin that is away counts for nothing', async () => {
  const clock = new ManualClock()
  let code: 'UNKNOWN_MODEL' | 'ORIGIN_UNAVAILABLE' = 'ORIGIN_UNAVAILABLE'
  const resolve: ModelCallsPorts['resolve'] = async (given) => {
    if (given.name === name.name) return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 0 }
    throw new HoldfastError(code, 'nobody knows it')
  }
  const { calls } = callsWith({ resolve, clock, isKnown: () => false })
  const stranger = { tenant: 'public', deadlineMs: 10, from: '10.0.0.9' }
  const user = { ...stranger, from: '10.0.0.1' }
  const askUnknown = (at: number) =>
    calls.route({ ...name, name: `x${at}` }, stranger).catch(({ code }: HoldfastError) => code)
  for (let at = 0; at < 400; at += 1) expect(await askUnknown(at)).toBe('ORIGIN_UNAVAILABLE')
  code = 'UNKNOWN_MODEL'
  for (let at = 0; at < 256; at += 1) expect(await askUnknown(at)).toBe('UNKNOWN_MODEL')
  const more = Array.from({ length: 20 }, (_, at) => askUnknown(at))
  expect(await Promise.race(more)).toBe('OVERLOADED')
  expect((await calls.route(name, user)).model).toBe(model.id)
})

describe('the fields of a call', () => {
  it('say the deadline and whether it may go elsewhere, and not the tenant', () => {
    expect(contextOf({}, 'public', '10.0.0.1')).toEqual({
      tenant: 'public',
      deadlineMs: Number.POSITIVE_INFINITY,
      from: '10.0.0.1',
    })
    expect(contextOf({ 'holdfast-tenant': 'b', 'holdfast-deadline-ms': '2.5' }, 'a', '::1')).toEqual({
      tenant: 'a',
      deadlineMs: 2.5,
      from: '::1',
    })
    expect(mayForward({})).toBe(true)
    expect(mayForward({ 'holdfast-forward': 'never' })).toBe(false)
  })
})

describe('a model of several files', () => {
  const versions = modelOf({ '1/model.onnx': bytesOf(10, '1'), '2/model.onnx': bytesOf(10, '2') })
  const resolve: ModelCallsPorts['resolve'] = async ({ tag }) => {
    if (tag !== 'latest') throw new HoldfastError('UNKNOWN_MODEL', `no tag ${tag}`)
    return { digest: versions.id, manifest: versions.manifest, ref: null, ageMs: 0 }
  }
  const entryOf = ({ resolved }: InferenceRequest) => runnableFileOf(resolved.manifest)?.path

  it('runs the file that the request names, and the newest version otherwise', async () => {
    const { calls, requests } = callsWith({ resolve })
    const latest = { ...ask, name: { ...name, tag: 'latest' } }
    await expect(calls.infer(latest)).rejects.toThrow()
    await expect(calls.infer({ ...latest, entry: '1/model.onnx' })).rejects.toThrow()
    expect(requests.map(entryOf)).toEqual(['2/model.onnx', '1/model.onnx'])
    await expect(calls.infer({ ...latest, entry: 'x.onnx' })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('takes a number that is no tag for a version', async () => {
    const { calls, requests } = callsWith({ resolve, isKnown: () => false })
    await expect(calls.infer({ ...ask, name: { ...name, tag: '1' } })).rejects.toThrow('everything is leased')
    expect(requests.map(entryOf)).toEqual(['1/model.onnx'])
    await expect(calls.infer({ ...ask, name: { ...name, tag: '7' } })).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
  })

  it('runs a version of a model that is known before the origin has said that there is no such tag', async () => {
    const asked: string[] = []
    const { calls, requests } = callsWith({
      resolve: (given) => (given.tag === 'latest' ? resolve(given) : new Promise(() => {})),
      isKnown: ({ tag }) => tag === 'latest',
      lookUpBehind: ({ tag }) => asked.push(tag),
    })
    await expect(calls.infer({ ...ask, name: { ...name, tag: '1' } })).rejects.toThrow('everything is leased')
    expect(requests.map(entryOf)).toEqual(['1/model.onnx'])
    expect(asked).toEqual(['1'])
  })
})
