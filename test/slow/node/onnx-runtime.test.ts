/** Workers that die again and again, hang, or lose the process that started them. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Runtime } from '../../../node/ports/index.ts'
import { createRuntimeFixture, images, type RuntimeFixture } from '../../node/runtime/fixture.ts'

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

describe('a worker that dies', () => {
  test('twice with one request fails it, and serves the next', async () => {
    const runtime = await start()
    await copyFile(join(fixture.folder, 'tiny.ort'), join(fixture.folder, 'poison.ort'))
    await runtime.load('poison')
    await runtime.load('squeezenet1.0')
    const [pid] = await fixture.holders('poison')
    const ahead = runtime.infer('squeezenet1.0', [images(slowBatch)])
    await writeFile(join(fixture.folder, 'poison.crash'), '')
    const error = expect(runtime.infer('poison', [images(tinyImage)])).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('crashed 2 times'),
    })
    process.kill(pid!, 'SIGKILL')
    await error
    expect((await ahead)[0]!.shape).toEqual([4, 1000])
  })

  test('whenever it loads a model makes the model NOT_RUNNABLE and harms no other', async () => {
    const runtime = await start()
    await copyFile(join(fixture.folder, 'tiny.ort'), join(fixture.folder, 'deadly.ort'))
    await writeFile(join(fixture.folder, 'deadly.crash'), '')
    await expect(runtime.load('deadly')).rejects.toMatchObject({ code: 'NOT_RUNNABLE' })
    await runtime.load('tiny')
    expect(await runtime.infer('tiny', [images(tinyImage)])).toHaveLength(1)
  })

  test('because an inference hung is killed by us, and the request is not repeated', async () => {
    const runtime = await start({ inferenceMsMax: 1 })
    await runtime.load('squeezenet1.0')
    await expect(runtime.infer('squeezenet1.0', [images(slowBatch)])).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('runtime.runTimeoutMs'),
    })
  })
})

test('workers end with the process that started them, however it ended', async () => {
  const path = fileURLToPath(new URL('../../node/runtime/parent-process.ts', import.meta.url))
  const parent = fork(path, [fixture.folder, 'tiny'], { execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  await once(parent.stdout!, 'data')
  expect(await fixture.holders('tiny')).toHaveLength(2)
  parent.kill('SIGKILL')
  await expect.poll(() => fixture.holders('tiny')).toEqual([])
})
