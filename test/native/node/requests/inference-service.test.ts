import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { LoadProfile } from '../../../../core/requests/load-profile.ts'
import type { RequestMachineOptions } from '../../../../core/requests/types.ts'
import type { ResolvedModel } from '../../../../node/models/model-directory.ts'
import type { TensorValue } from '../../../../node/ports/index.ts'
import { decodeInferRequest, encodeInferAnswer, encodeInferRequest } from '../../../../node/requests/infer-codec.ts'
import {
  type InferenceAnswer,
  type InferenceRequest,
  InferenceService,
} from '../../../../node/requests/inference-service.ts'
import { RequestTimes } from '../../../../node/requests/request-timing.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { bytesOf, modelOf, type TestModel } from '../../../support/models.ts'
import { quietTiming } from '../../../support/request-timing.ts'
import { anyone, CacheFixture } from '../models/fixture.ts'

const model = modelOf({ 'model.onnx': bytesOf(200_000, 'm') })
const weights = modelOf({ 'weights.gguf': bytesOf(1_000, 'w') })
const tensor: TensorValue = { name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(4) }
const elsewhere: TensorValue = { ...tensor, name: 'from a holder' }
const resolvedOf = ({ id, manifest }: TestModel): ResolvedModel => ({ digest: id, manifest, ref: null, ageMs: 0 })

let fixture: CacheFixture
let service: InferenceService
let profile: LoadProfile
let served: InferenceAnswer[]
let isDraining: boolean
let refusedCount: number
let predicted: string[]

const request = (over: Partial<InferenceRequest> = {}): InferenceRequest => ({
  name: 'acme/m:latest',
  resolved: resolvedOf(model),
  inputs: [tensor],
  outputs: null,
  context: anyone,
  mayForward: true,
  times: new RequestTimes(fixture.driving.clock),
  ...over,
})

/** A node of its own; without an origin there is nothing but peers. */
async function build(hasOrigin: boolean, options: Partial<RequestMachineOptions> = {}): Promise<void> {
  fixture = await new CacheFixture({ hasOrigin }).prepare()
  fixture.origin.add(model, weights)
  const { cache, runtime, store } = fixture
  const { driver, core, network, clock } = fixture.driving
  profile = new LoadProfile()
  service = new InferenceService(
    {
      network,
      core,
      driver,
      cache,
      runtime,
      times: profile,
      runBytesOf: ({ manifest }) => manifest.files.find(({ path }) => path.endsWith('.onnx'))?.sizeBytes ?? null,
      memoryLimitBytes: () => store.stats().tiers.memory.limitBytes,
      diskBytesPerS: 1e9,
      hasOrigin,
      randomInt: () => 0,
      clock,
      onServed: (answer) => served.push(answer),
      onRefused: () => {
        refusedCount += 1
      },
      onPredicted: (part) => predicted.push(part),
      isDraining: () => isDraining,
      timing: quietTiming(clock),
      log: silentLog,
    },
    options,
  )
  service.start()
}

beforeEach(async () => {
  served = []
  isDraining = false
  refusedCount = 0
  predicted = []
  await build(true)
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

/** Holders that are asked in this order, each answered by what the test says. */
function holders(answers: Record<string, () => Promise<readonly TensorValue[]>>): void {
  // Round trips are what is said here.
  fixture.driving.network.onPing = () => new Promise(() => {})
  for (const node of Object.keys(answers)) {
    fixture.driving.peer(node, [model.id])
    fixture.driving.driver.dispatch({ kind: 'rtt-measured', node, rttMs: Object.keys(answers).indexOf(node) * 10 + 1 })
  }
  fixture.driving.network.onCall = async (node, method) => {
    if (method !== 'infer') return new Uint8Array()
    return encodeInferAnswer({ outputs: await answers[node]!(), omittedOutputs: [] })
  }
}

const inferCalls = (): string[] =>
  fixture.driving.network.calls.filter(({ method }) => method === 'infer').map(({ node }) => node)
const refuse = async (): Promise<never> => {
  throw new HoldfastError('FORWARD_REFUSED', 'not here')
}

describe('a request that cannot be answered in time', () => {
  const soon = { context: { ...anyone, deadlineMs: 50 } }

  it('is refused at the door, with nothing fetched, once the model is known to take longer', async () => {
    const nowMs = fixture.driving.clock.nowMs()
    for (const ms of [90, 80]) profile.noteExecute(model.id, 1, ms, nowMs)
    await expect(service.infer(request(soon))).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
      details: { deadlineMs: 50 },
    })
    expect([refusedCount, fixture.runtime.loadedDigests.size, fixture.store.stats().tiers.disk.usedBytes]).toEqual([
      1, 0, 0,
    ])
  })

  it('is refused when too much waits before it, and answered when it does not', async () => {
    await service.infer(request())
    fixture.runtime.waitMs = 60
    await expect(service.infer(request(soon))).rejects.toMatchObject({ code: 'DEADLINE_UNREACHABLE' })
    fixture.runtime.waitMs = 0
    await service.infer(request(soon))
    expect(refusedCount).toBe(1)
  })

  it('is compared with what was predicted when it is answered', async () => {
    for (let at = 0; at < 2; at += 1) await service.infer(request())
    expect(predicted[0]).toBe('load-origin')
  })
})

describe('a request', () => {
  it('fetches and runs here when nobody has the model, and from memory the next time', async () => {
    const first = await service.infer(request())
    expect(first).toMatchObject({ outputs: [tensor], servedBy: 'self', servedFrom: 'origin' })
    expect(first.decision.kind).toBe('fetch')
    const second = await service.infer(request())
    expect([second.servedFrom, second.decision.kind]).toEqual(['memory', 'local'])
    expect(served).toEqual([first, second])
  })

  it('goes to a holder when that is cheaper than bringing the model here', async () => {
    holders({ near: async () => [elsewhere] })
    const answer = await service.infer(request())
    expect(answer).toMatchObject({ outputs: [elsewhere], servedBy: 'near', servedFrom: 'forwarded' })
    expect(fixture.origin.reads).toEqual([])
  })

  it('goes on to the next holder when one refuses or is gone, and then fetches', async () => {
    holders({
      near: refuse,
      middle: async () => {
        throw new HoldfastError('PEER_UNREACHABLE', 'gone')
      },
      far: async () => [elsewhere],
    })
    expect(await service.infer(request())).toMatchObject({ servedBy: 'far' })
    expect(inferCalls()).toEqual(['near', 'middle', 'far'])
  })

  it('asks a second holder when the first says nothing, hangs up on that, and asks it last from then on', async () => {
    holders({ mute: () => new Promise(() => {}), well: async () => [elsewhere] })
    const { network, clock } = fixture.driving
    const signals: AbortSignal[] = []
    const { onCall } = network
    network.onCall = (node, method, payload, options) => {
      if (node === 'mute' && method === 'infer') signals.push(options.signal!)
      return onCall(node, method, payload, options)
    }
    const first = service.infer(request())
    clock.advance(1_000)
    clock.advance(100)
    expect(await first).toMatchObject({ servedBy: 'well', servedFrom: 'forwarded', outputs: [elsewhere] })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(await service.infer(request())).toMatchObject({ servedBy: 'well' })
    expect(inferCalls()).toEqual(['mute', 'well', 'well'])
  })

  it('leaves a holder the moment that it is suspected', async () => {
    holders({ mute: () => new Promise(() => {}), well: async () => [elsewhere] })
    const answer = service.infer(request())
    fixture.driving.driver.dispatch({ kind: 'peer-down', node: 'mute' })
    expect(await answer).toMatchObject({ servedBy: 'well' })
    expect(inferCalls()).toEqual(['mute', 'well'])
  })

  it('fetches when every holder refuses', async () => {
    holders({ near: refuse, far: refuse })
    fixture.bulk.onGet = async (_node, { file, offsetBytes, sizeBytes }) =>
      model.blobs.get(file)!.subarray(offsetBytes, offsetBytes + sizeBytes)
    expect(await service.infer(request())).toMatchObject({ servedBy: 'self', servedFrom: 'peer' })
  })

  it('asks no more holders than allowed', async () => {
    holders({ a: refuse, b: refuse, c: refuse, d: refuse })
    expect(await service.infer(request())).toMatchObject({ servedBy: 'self' })
    expect(inferCalls()).toEqual(['a', 'b', 'c'])
  })

  it.each(['INFERENCE_FAILED', 'BAD_REQUEST', 'NOT_RUNNABLE'] as const)(
    'is not tried elsewhere when the holder says %s: the user is to hear it',
    async (code) => {
      holders({
        near: async () => {
          throw new HoldfastError(code, 'three inputs are missing')
        },
        far: async () => [elsewhere],
      })
      await expect(service.infer(request())).rejects.toMatchObject({ code })
      expect(inferCalls()).toEqual(['near'])
      expect(served).toEqual([])
    },
  )

  it.each(['DISK_FULL', 'DISK_FAILED', 'MEMORY_FULL', 'OVERLOADED'] as const)(
    'goes to a holder after all when this node says %s, and keeps that error when there is none',
    async (code) => {
      await fixture[Symbol.asyncDispose]()
      await build(true, { roomWaitMs: 0 })
      fixture.cache.ensureRunnable = () => Promise.reject(new HoldfastError(code, 'no room here'))
      await expect(service.infer(request())).rejects.toMatchObject({ code })
      // Farther than the origin, so that this node is tried first.
      holders({ far: async () => [elsewhere] })
      fixture.driving.driver.dispatch({ kind: 'rtt-measured', node: 'far', rttMs: 60_000 })
      expect(await service.infer(request())).toMatchObject({ servedBy: 'far', outputs: [elsewhere] })
      await expect(service.infer(request({ mayForward: false }))).rejects.toMatchObject({ code })
    },
  )

  it.each(['DISK_FULL', 'MEMORY_FULL'] as const)('waits at %s, and is served once there is room', async (code) => {
    const { ensureRunnable } = fixture.cache
    const refused = Promise.withResolvers<void>()
    fixture.cache.ensureRunnable = async () => {
      refused.resolve()
      throw new HoldfastError(code, 'all in use')
    }
    const answer = service.infer(request())
    await refused.promise
    fixture.cache.ensureRunnable = ensureRunnable
    await new Promise((resolve) => setImmediate(resolve))
    fixture.cache.noteLeaseClosed()
    expect(await answer).toMatchObject({ servedBy: 'self', servedFrom: 'origin' })
  })

  it('waits for room no longer than it may', async () => {
    fixture.cache.ensureRunnable = async () => {
      throw new HoldfastError('DISK_FULL', 'all in use')
    }
    const failed = expect(service.infer(request({ context: { ...anyone, deadlineMs: 500 } }))).rejects.toMatchObject({
      code: 'DISK_FULL',
    })
    await new Promise((resolve) => setImmediate(resolve))
    fixture.driving.clock.advance(500)
    await failed
  })

  it('is answered elsewhere, or SHUTTING_DOWN, once the door is closed, though this node holds the model', async () => {
    await service.infer(request())
    isDraining = true
    expect(await service.infer(request()), 'a draining node serves what it has').toMatchObject({ servedBy: 'self' })
    service.close()
    await expect(service.infer(request())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    holders({ near: async () => [elsewhere] })
    expect(await service.infer(request())).toMatchObject({ servedBy: 'near' })
    await service.ended()
  })

  it('counts until it has ended, well or not', async () => {
    const arrive = Promise.withResolvers<void>()
    fixture.origin.onRead = async (bytes) => {
      await arrive.promise
      return bytes
    }
    const running = service.infer(request())
    let hasEnded = false
    const ended = service.ended().then(() => {
      hasEnded = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(hasEnded).toBe(false)
    arrive.resolve()
    await running
    await ended
  })

  it('takes its id along', async () => {
    const ids: (string | undefined)[] = []
    holders({ near: async () => [elsewhere] })
    fixture.driving.network.onCall = async (_node, method, payload) => {
      if (method === 'infer') ids.push(decodeInferRequest(payload).requestId)
      return encodeInferAnswer({ outputs: [elsewhere], omittedOutputs: [] })
    }
    await service.infer(request({ requestId: 'trace-7' }))
    await service.infer(request())
    expect(ids).toEqual(['trace-7', undefined])
  })

  it('passes over a holder that answers something else than the protocol', async () => {
    holders({ near: async () => [elsewhere] })
    fixture.driving.network.onCall = async () => Buffer.from('hello')
    expect(await service.infer(request())).toMatchObject({ servedBy: 'self' })
  })

  it('takes the time of each attempt from its deadline, fractions included', async () => {
    const deadlines: number[] = []
    holders({ near: refuse, far: async () => [elsewhere] })
    const { network, clock } = fixture.driving
    network.onCall = async (node, _method, payload) => {
      deadlines.push(decodeInferRequest(payload).context.deadlineMs)
      clock.advance(100)
      if (node === 'near') return refuse()
      return encodeInferAnswer({ outputs: [elsewhere], omittedOutputs: [] })
    }
    await service.infer(request({ context: { tenant: 'acme', deadlineMs: 5_000.75 } }))
    expect(deadlines).toEqual([5_000, 4_900])
  })

  it('is DEADLINE_EXCEEDED when the attempts have used it up', async () => {
    holders({ near: refuse, far: refuse })
    const { network, clock } = fixture.driving
    network.onCall = async () => {
      clock.advance(100)
      return refuse()
    }
    const late = service.infer(request({ context: { ...anyone, deadlineMs: 50 } }))
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(inferCalls()).toEqual(['near', 'far'])
  })

  it('is DEADLINE_EXCEEDED while the model is on its way, which goes on', async () => {
    const arrive = Promise.withResolvers<void>()
    fixture.origin.onRead = async (bytes) => {
      await arrive.promise
      return bytes
    }
    const late = service.infer(request({ context: { ...anyone, deadlineMs: 5 } }))
    fixture.driving.clock.advance(5)
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('Loading') })
    arrive.resolve()
    expect(await service.infer(request())).toMatchObject({ servedFrom: 'origin' })
  })

  it('ends when its caller has gone, and asks nobody else', async () => {
    const gone = new AbortController()
    holders({
      near: async () => {
        gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'the client closed the connection.'))
        return refuse()
      },
      far: async () => [elsewhere],
    })
    await expect(service.infer(request({ signal: gone.signal }))).rejects.toMatchObject({ code: 'FORWARD_REFUSED' })
    expect(inferCalls()).toEqual(['near'])
  })

  it('stays here when the caller wants it so', async () => {
    holders({ near: async () => [elsewhere] })
    expect(await service.infer(request({ mayForward: false }))).toMatchObject({ servedBy: 'self' })
  })

  it('is TOO_LARGE when what would run here is larger than the memory, unless another node has it', async () => {
    const large = modelOf({ 'model.onnx': bytesOf((4 << 18) + 1, 'l') })
    const asked = request({ resolved: resolvedOf(large) })
    await expect(service.infer(asked)).rejects.toMatchObject({ code: 'TOO_LARGE', details: { tier: 'memory' } })
    fixture.driving.peer('near', [large.id])
    fixture.driving.driver.dispatch({ kind: 'rtt-measured', node: 'near', rttMs: 60_000 })
    fixture.driving.network.onCall = async () => encodeInferAnswer({ outputs: [elsewhere], omittedOutputs: [] })
    expect(await service.infer(asked)).toMatchObject({ servedBy: 'near' })
  })

  it('is NOT_RUNNABLE for a model without a file to run, NO_SOURCE when nobody has it', async () => {
    const asked = service.infer(request({ resolved: resolvedOf(weights) }))
    await expect(asked).rejects.toMatchObject({
      code: 'NOT_RUNNABLE',
      message: expect.stringContaining('weights.gguf'),
    })
    await fixture[Symbol.asyncDispose]()
    await build(false)
    await expect(service.infer(request())).rejects.toMatchObject({ code: 'NO_SOURCE' })
  })

  it('holds the model while it runs', async () => {
    let heldWhileRunning: boolean | null = null
    fixture.runtime.onInfer = async (_digest, inputs) => {
      heldWhileRunning = !(await fixture.cache.release(model.id))
      return [...inputs]
    }
    await service.infer(request())
    expect(heldWhileRunning).toBe(true)
    expect(await fixture.cache.release(model.id)).toBe(true)
  })
})

describe('a forwarded request', () => {
  const message = (deadlineMs = Number.POSITIVE_INFINITY) =>
    encodeInferRequest({
      model: model.id,
      name: 'acme/m:latest',
      context: { tenant: 'acme', deadlineMs },
      inputs: [tensor],
      outputs: null,
    })
  const receive = (payload: Uint8Array) => fixture.driving.network.receive('other', 'infer', payload)

  it('is served from what is here', async () => {
    await service.infer(request())
    expect(Buffer.from(await receive(message()))).toEqual(
      Buffer.from(encodeInferAnswer({ outputs: [tensor], omittedOutputs: [], executeMs: 0 })),
    )
  })

  it('is refused, neither fetched nor forwarded again, when the model is not here', async () => {
    holders({ near: async () => [elsewhere] })
    await expect(receive(message())).rejects.toMatchObject({ code: 'FORWARD_REFUSED', details: { from: 'other' } })
    expect([fixture.origin.reads, inferCalls()]).toEqual([[], []])
  })

  it('is refused by a node that drains', async () => {
    await service.infer(request())
    isDraining = true
    await expect(receive(message())).rejects.toMatchObject({ code: 'FORWARD_REFUSED' })
  })

  it('is refused when it is malformed, and late when it is late', async () => {
    await service.infer(request())
    await expect(receive(Buffer.from('hello'))).rejects.toMatchObject({ code: 'PEER_PROTOCOL' })
    await fixture.cache.release(model.id)
    await expect(receive(message(0))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })
})

describe('the route', () => {
  it('counts a model whose files are here, but which is not loaded, as on disk', async () => {
    const decide = () => service.route(resolvedOf(model), anyone)
    expect(decide().kind).toBe('fetch')
    await fixture.open(model)
    expect(decide().reason).toBe('on-disk-here')
    await fixture.run(model)
    expect(decide().reason).toBe('resident-here')
  })
})
