import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RunOptions, Runtime } from '../../../node/ports/index.ts'
import { systemClock } from '../../../node/system/index.ts'
import { createRuntimeFixture, floatsOf, images, type RuntimeFixture } from './fixture.ts'

const tinyImage = [1, 3, 32, 32]
/** Some hundred milliseconds of work, so that what comes after it has to wait. */
const slowBatch = [4, 3, 224, 224]
let fixture: RuntimeFixture
let runtime: Runtime | null = null

beforeAll(async () => {
  fixture = await createRuntimeFixture()
  await fixture.derive('tiny')
  await fixture.derive('squeezenet1.0')
})

afterEach(async () => {
  await runtime?.stop()
  runtime = null
})

afterAll(() => fixture.stop())

async function start(options: Parameters<RuntimeFixture['start']>[0] = {}): Promise<Runtime> {
  runtime = await fixture.start(options)
  return runtime
}

describe('load and infer', () => {
  test('gives the signature and the answers of the model, for any batch size', async () => {
    const runtime = await start()
    expect(await runtime.load('tiny')).toEqual({
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 3, 32, 32] }],
      outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 10] }],
      omittedOutputs: [],
      weights: 'shared',
      privateBytes: expect.any(Number),
    })
    const [one] = await runtime.infer('tiny', [images(tinyImage)])
    const [two] = await runtime.infer('tiny', [images([2, 3, 32, 32])], { outputs: ['probabilities'] })
    expect(one).toMatchObject({ name: 'probabilities', datatype: 'FP32', shape: [1, 10] })
    expect(two).toMatchObject({ shape: [2, 10] })
    const sum = floatsOf(one!).reduce((total, value) => total + value, 0)
    expect(sum).toBeCloseTo(1, 5)
    expect(runtime.queued('tiny')).toBe(0)
  })

  test('concurrent loads make one session in every worker', async () => {
    const runtime = await start({ workerCount: 2 })
    const signatures = await Promise.all([runtime.load('tiny'), runtime.load('tiny'), runtime.load('tiny')])
    expect(signatures[1]).toEqual(signatures[0])
    const holders = await fixture.holders('tiny')
    expect(holders).toHaveLength(2)
    await runtime.load('tiny')
    expect(await fixture.holders('tiny')).toEqual(holders)
  })

  test('two workers answer at the same time, and alike', async () => {
    const runtime = await start({ workerCount: 2 })
    await runtime.load('tiny')
    const answers = await Promise.all(Array.from({ length: 20 }, () => runtime.infer('tiny', [images(tinyImage)])))
    for (const answer of answers) expect(floatsOf(answer[0]!)).toEqual(floatsOf(answers[0]![0]!))
  })

  test('an unknown model cannot be loaded, and can be as soon as it is there', async () => {
    const runtime = await start()
    await expect(runtime.load('late')).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    await copyFile(join(fixture.folder, 'tiny.ort'), join(fixture.folder, 'late.ort'))
    await expect(runtime.load('late')).resolves.toBeDefined()
  })

  test('bytes that are no model are BAD_MODEL_FILE, and their lease ends', async () => {
    const runtime = await start()
    await writeFile(join(fixture.folder, 'noise.ort'), 'this is no flat buffer, whatever its name says')
    await expect(runtime.load('noise')).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
    expect(await fixture.holders('noise')).toEqual([])
  })

  test('a wrong input is named, and the worker is not bothered', async () => {
    const runtime = await start()
    await runtime.load('tiny')
    const error = await runtime.infer('tiny', [images([1, 3, 224, 224])]).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'INFERENCE_FAILED',
      message: "input 'image' must have shape [any,3,32,32], not [1,3,224,224]",
    })
    expect(runtime.queued('tiny')).toBe(0)
  })
})

describe('unload', () => {
  test('waits for running work, releases every session and refuses what comes later', async () => {
    const runtime = await start({ workerCount: 2 })
    await runtime.load('squeezenet1.0')
    let isAnswered = false
    const work = runtime.infer('squeezenet1.0', [images(slowBatch)]).then(() => {
      isAnswered = true
    })
    await new Promise((resolve) => setImmediate(resolve)) // the request is admitted now
    const unloading = runtime.unload('squeezenet1.0')
    await expect(runtime.infer('squeezenet1.0', [images(slowBatch)])).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    await unloading
    expect(isAnswered).toBe(true)
    expect(await fixture.holders('squeezenet1.0')).toEqual([])
    await work
    await runtime.load('squeezenet1.0')
    expect(await fixture.holders('squeezenet1.0')).toHaveLength(2)
  })
})

describe('queues', () => {
  test('have a limit for each model and one in total', async () => {
    const runtime = await start({ queuedMax: 3, queuedPerModelMax: 2 })
    await runtime.load('squeezenet1.0')
    await runtime.load('tiny')
    const slow = (): Promise<unknown> => runtime.infer('squeezenet1.0', [images(slowBatch)])
    const quick = (): Promise<unknown> => runtime.infer('tiny', [images(tinyImage)])
    const accepted = [slow(), slow(), slow()]
    const refusedByModel = slow()
    await expect(refusedByModel).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('queuedPerModelMax'),
    })
    accepted.push(quick())
    await expect(quick()).rejects.toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('queuedMax') })
    expect(runtime.queued('squeezenet1.0')).toBe(3)
    expect(runtime.queued('tiny')).toBe(1)
    await Promise.all(accepted)
    expect(runtime.queued('squeezenet1.0')).toBe(0)
  })

  test('drop a request whose deadline passes before it runs', async () => {
    const runtime = await start()
    await runtime.load('squeezenet1.0')
    const running = runtime.infer('squeezenet1.0', [images(slowBatch)])
    const deadline = new AbortController()
    const waiting = runtime.infer('squeezenet1.0', [images(slowBatch)], { signal: deadline.signal })
    await new Promise((resolve) => setImmediate(resolve)) // both are admitted, the first is sent
    expect(runtime.queued('squeezenet1.0')).toBe(2)
    deadline.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(runtime.queued('squeezenet1.0')).toBe(1)
    await running
  })
})

describe('the order of the queue', () => {
  test('is that of need, with tenants in turns, and what would end too late does not begin', async () => {
    const late: string[] = []
    const runtime = await start({ queueOrder: { leadMs: 0, patienceMs: 600_000 }, onLate: () => late.push('late') })
    await runtime.load('squeezenet1.0')
    await runtime.load('tiny')
    const order: string[] = []
    const ask = (name: string, tenant: string, over: RunOptions = {}) =>
      runtime.infer('tiny', [images(tinyImage)], { tenant, costMs: 100, ...over, onRun: () => order.push(name) })
    const begun = Promise.withResolvers<void>()
    const running = runtime.infer('squeezenet1.0', [images(slowBatch)], { onRun: begun.resolve })
    await begun.promise
    const nowMs = systemClock.nowMs()
    const work = [
      ask('flood 1', 'flood'),
      ask('flood 2', 'flood'),
      ask('quiet', 'quiet'),
      ask('urgent', 'flood', { latestMs: nowMs + 300_000 }),
    ]
    await expect(ask('late', 'flood', { latestMs: nowMs })).rejects.toMatchObject({
      code: 'DEADLINE_UNREACHABLE',
      message: expect.stringMatching(/too late/),
    })
    await Promise.all([running, ...work])
    expect(order).toEqual(['urgent', 'quiet', 'flood 1', 'flood 2'])
    expect([late.length, runtime.queued('tiny'), runtime.queueMs(null)]).toEqual([1, 0, 0])
  })
})

describe('a worker that dies', () => {
  test('during work is replaced, and the request is answered all the same', async () => {
    const deaths: string[] = []
    const runtime = await start({ onWorkerDied: (reason) => void deaths.push(reason) })
    await runtime.load('squeezenet1.0')
    const [pid] = await fixture.holders('squeezenet1.0')
    const work = runtime.infer('squeezenet1.0', [images(slowBatch)])
    await new Promise((resolve) => setImmediate(resolve))
    process.kill(pid!, 'SIGKILL')
    const [answer] = await work
    expect(answer!.shape).toEqual([4, 1000])
    expect(deaths).toEqual(['SIGKILL'])
    expect((await fixture.holders('squeezenet1.0')).filter((holder) => holder !== pid)).toHaveLength(1)
  })

  test('before it ever ran makes start() fail with its reason', async () => {
    const weightsModule = new URL('./no-such-module.ts', import.meta.url).href
    await expect(fixture.start({ weightsModule })).rejects.toMatchObject({
      code: 'SYSTEM',
      message: expect.stringMatching(/does not start: .*exit code 1, .*Cannot find module/),
    })
  })
})
