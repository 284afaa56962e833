import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateModel } from '../../../demo/models/index.ts'
import type { Runtime } from '../../../node/ports/index.ts'
import { createRuntimeFixture, type RuntimeFixture } from './fixture.ts'
import { externalDataModel } from './small-models.ts'

// Real processes and real models on a machine that may be busy: what is slow is not what is tested here.
let fixture: RuntimeFixture
let runtime: Runtime

beforeAll(async () => {
  fixture = await createRuntimeFixture()
  runtime = await fixture.start()
})

afterAll(() => fixture.stop())

async function emptyFolder(name: string): Promise<string> {
  const path = join(fixture.folder, name)
  await mkdir(path)
  return path
}

describe('derive', () => {
  test('writes a file in ORT format and nothing beside it', async () => {
    const folder = await emptyFolder('good')
    const { files } = await generateModel('tiny', folder)
    await runtime.derive(files[0]!, join(folder, 'derived.ort'))
    const derived = await readFile(join(folder, 'derived.ort'))
    expect(derived.toString('latin1', 4, 8)).toBe('ORTM')
    expect((await readdir(folder)).sort()).toEqual(['derived.ort', 'model.onnx'])
  })

  test.each([
    { id: 'text', bytes: Buffer.from('hello') },
    { id: 'nothing', bytes: Buffer.alloc(0) },
    { id: 'zeros', bytes: Buffer.alloc(4096) },
  ])('of $id is BAD_MODEL_FILE and leaves nothing', async ({ id, bytes }) => {
    const folder = await emptyFolder(id)
    await writeFile(join(folder, 'model.onnx'), bytes)
    const work = runtime.derive(join(folder, 'model.onnx'), join(folder, 'derived.ort'))
    await expect(work).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
    expect(await readdir(folder)).toEqual(['model.onnx'])
  })

  test('of a truncated model is BAD_MODEL_FILE', async () => {
    const folder = await emptyFolder('truncated')
    const { files } = await generateModel('tiny', folder)
    await writeFile(files[0]!, (await readFile(files[0]!)).subarray(0, 50_000))
    const work = runtime.derive(files[0]!, join(folder, 'derived.ort'))
    await expect(work).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
  })

  test('of a file that is not there is SYSTEM', async () => {
    const work = runtime.derive(join(fixture.folder, 'nowhere.onnx'), join(fixture.folder, 'derived.ort'))
    await expect(work).rejects.toMatchObject({ code: 'SYSTEM' })
  })

  test('takes weights from the file beside the model, and says so when it is missing', async () => {
    const folder = await emptyFolder('external')
    const { model, data } = externalDataModel('model.onnx.data')
    await writeFile(join(folder, 'model.onnx'), model)
    const derive = (): Promise<void> => runtime.derive(join(folder, 'model.onnx'), join(folder, 'derived.ort'))
    await expect(derive()).rejects.toMatchObject({
      code: 'NOT_RUNNABLE',
      message: expect.stringContaining('beside it'),
    })
    await writeFile(join(folder, 'model.onnx.data'), data)
    await derive()
    expect((await readFile(join(folder, 'derived.ort'))).indexOf(data)).toBeGreaterThan(0)
  })

  test.each(['../secret', 'ABSOLUTE/secret', 'link', 'a/../../secret'])(
    'never takes weights from outside the model folder, as by %s',
    async (location) => {
      const folder = await emptyFolder(`hostile-${location.replaceAll('/', '-')}`)
      await mkdir(join(folder, 'model'))
      const { model, data } = externalDataModel(location.replace('ABSOLUTE', folder))
      await writeFile(join(folder, 'secret'), data)
      await symlink(join(folder, 'secret'), join(folder, 'model', 'link'))
      await writeFile(join(folder, 'model', 'model.onnx'), model)
      const work = runtime.derive(join(folder, 'model', 'model.onnx'), join(folder, 'derived.ort'))
      await expect(work).rejects.toMatchObject({ code: 'BAD_MODEL_FILE' })
      expect((await readdir(folder)).sort()).toEqual(['model', 'secret'])
    },
  )

  test('ends with its signal and leaves nothing', async () => {
    const folder = await emptyFolder('aborted')
    const { files } = await generateModel('squeezenet1.0', folder)
    const gone = new AbortController()
    const work = runtime.derive(files[0]!, join(folder, 'derived.ort'), { signal: gone.signal })
    await new Promise((resolve) => setImmediate(resolve))
    gone.abort()
    await expect(work).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(await readdir(folder)).toEqual(['model.onnx'])
  })
})

test('the fingerprint names version and processor, and is the same each time', () => {
  expect(runtime.fingerprint()).toMatch(/^onnxruntime-\d+\.\d+\.\d+-(x64|arm64)-[0-9a-f]{16}$/)
  expect(runtime.fingerprint()).toBe(runtime.fingerprint())
})
