/** Models that want all of a machine, and what their neighbours on the only worker see meanwhile. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { generateModel } from '../../../../demo/models/index.ts'
import { kernelConfinement } from '../../../../native/index.ts'
import type { Runtime, TensorValue } from '../../../../node/ports/index.ts'
import { launchArguments, launcherPath } from '../../../../node/runtime/launcher.ts'
import { createRuntimeFixture, images, type RuntimeFixture } from '../../../node/runtime/fixture.ts'
import { foldedHogModel, hogModel, int64Bytes, loopModel } from '../../../node/runtime/hostile-models.ts'

const GiB = 2 ** 30
const floatBytes = 4
const endless = 2 ** 52
const kernel = kernelConfinement()
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const loopingParent = pathOf('./looping-parent.ts')

/** What a confined process gets: an error code, or what it found. */
function confinedAttempt(kind: string, folder: string): string {
  const launch = launchArguments({ isConfined: true, writable: [join(folder, 'allowed')], isBatch: true })
  const args = [...launch, process.execPath, pathOf('./confined-program.ts'), kind, folder]
  return execFileSync(launcherPath()!, args, { encoding: 'utf8' }).trim()
}
let fixture: RuntimeFixture
let runtime: Runtime | null = null

beforeAll(async () => {
  fixture = await createRuntimeFixture()
  await fixture.derive('tiny')
  await fixture.deriveBytes('hog', hogModel())
  await fixture.deriveBytes('loop', loopModel())
  await mkdir(join(fixture.folder, 'allowed'))
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

function inputs(name: string, value: number): TensorValue[] {
  const x: TensorValue = { name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(new Float32Array([1]).buffer) }
  return [{ name, datatype: 'INT64', shape: [1], data: int64Bytes(value) }, x]
}

const tiny = (runtime: Runtime): Promise<unknown> => runtime.infer('tiny', [images([1, 3, 32, 32])])

describe('memory', () => {
  test('a model of some 300 bytes whose constants take 2.3 GiB gets them neither here nor there', async () => {
    const runtime = await start()
    const model = foldedHogModel(Math.round((2.3 * GiB) / floatBytes))
    expect(model.length).toBeLessThan(350)
    // The converter leaves out what it cannot fold, so that the run meets it.
    await fixture.deriveBytes('folded', model)
    await runtime.load('folded')
    const [, x] = inputs('shape', 1)
    await expect(runtime.infer('folded', [x!])).rejects.toMatchObject({ code: 'MEMORY_EXCEEDED' })
  })

  test('a conversion that takes more than its bound is MEMORY_EXCEEDED and leaves nothing', async () => {
    const runtime = await start({ deriveBaseBytes: 8 * 2 ** 20 })
    const folder = join(fixture.folder, 'bounded')
    await mkdir(folder)
    const { files } = await generateModel('squeezenet1.0', folder)
    const work = runtime.derive(files[0]!, join(folder, 'derived.ort'))
    await expect(work).rejects.toMatchObject({
      code: 'MEMORY_EXCEEDED',
      message: expect.stringContaining('runtime.conversionBaseBytes'),
    })
    expect(await readdir(folder)).toEqual(['model.onnx'])
  })

  test('a run that asks for 2.3 GiB ends itself alone: same worker, others are served', async () => {
    const deaths: string[] = []
    const runtime = await start({ onWorkerDied: (reason) => deaths.push(reason) })
    await runtime.load('tiny')
    await runtime.load('hog')
    await runtime.infer('hog', inputs('shape', 1000))
    const work = runtime.infer('hog', inputs('shape', Math.round((2.3 * GiB) / floatBytes)))
    await expect(work).rejects.toMatchObject({
      code: 'MEMORY_EXCEEDED',
      message: expect.stringContaining('runtime.runBytesMax'),
    })
    await tiny(runtime)
    await runtime.infer('hog', inputs('shape', 1000))
    expect(deaths).toEqual([])
  })

  test('what is mapped from the store does not count', async () => {
    const runtime = await start({ runBytesMax: 16 * 2 ** 20 })
    await runtime.load('tiny')
    await tiny(runtime)
  })
})

describe('time', () => {
  test('an endless loop ends soon after its request, and runs apart from then on', async () => {
    const deaths: string[] = []
    const runtime = await start({ overtimeMs: 50, onWorkerDied: (reason) => deaths.push(reason) })
    await runtime.load('tiny')
    await runtime.load('loop')
    await runtime.infer('loop', inputs('turns', 3))
    const ends = () =>
      runtime.infer('loop', inputs('turns', endless), { signal: AbortSignal.timeout(200) }).catch(({ code }) => code)
    expect(await ends()).toBe('DEADLINE_EXCEEDED')
    await tiny(runtime)
    expect(deaths).toEqual(['The inference went on after its request had ended, and was ended.'])
    // The second one holds a worker as well, but not that of the others.
    const gone = new AbortController()
    const begun = Promise.withResolvers<void>()
    const second = runtime.infer('loop', inputs('turns', endless), { signal: gone.signal, onRun: begun.resolve })
    const secondCode = second.catch(({ code }) => code)
    await begun.promise
    await tiny(runtime)
    gone.abort()
    expect(await secondCode).toBe('DEADLINE_EXCEEDED')
    await tiny(runtime)
    // It still answers what it can answer.
    await runtime.infer('loop', inputs('turns', 3))
  })

  test('a run that has nobody to wait for it is ended at the limit', async () => {
    const runtime = await start({ inferenceMsMax: 300 })
    await runtime.load('loop')
    const work = runtime.infer('loop', inputs('turns', endless))
    await expect(work).rejects.toMatchObject({ code: 'INFERENCE_FAILED', message: expect.stringContaining('300 ms') })
  })
})

describe('rights', () => {
  const attempt = (kind: string): string => confinedAttempt(kind, fixture.folder)

  test.runIf(kernel.systemCalls)('a child has no network, starts no program and signals nobody else', () => {
    expect(attempt('tcp')).toBe('EPERM')
    expect(attempt('udp')).toBe('EPERM')
    expect(attempt('program')).toBe('EPERM')
    expect(attempt('signal')).toBe('EPERM')
    expect(attempt('rings')).toBe('0')
  })

  test.runIf(kernel.filesAbi > 0)('a child writes nothing but where it has to, from any of its threads', () => {
    expect(attempt('write')).toBe('EACCES')
    expect(attempt('write-in-thread')).toBe('EACCES')
    expect(attempt('write-allowed')).toBe('done')
    expect(attempt('remove')).toBe('EACCES')
  })

  test('a converter runs as batch work, after everything else', () => {
    expect(attempt('priority')).toBe(String(getPriority() + 5))
  })

  test('a worker in an endless loop does not outlive its node', async () => {
    const parent = spawn(process.execPath, [loopingParent, fixture.folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(parent, 'exit')
    await once(parent.stdout, 'data')
    const [worker] = await fixture.holders('loop')
    expect(worker).toBeGreaterThan(0)
    parent.kill('SIGKILL')
    await exited
    await expect.poll(() => fixture.holders('loop')).toEqual([])
  })
})

test('the environment of a worker has no secret of the node', async () => {
  process.env.HOLDFAST_TEST_SECRET = 'of the node'
  const runtime = await start()
  await runtime.load('tiny')
  const [pid] = await fixture.holders('tiny')
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8')
  expect(environment).not.toContain('HOLDFAST_TEST_SECRET')
  expect(environment).toContain('UV_THREADPOOL_SIZE')
})
