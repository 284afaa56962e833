import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeRuntime } from '../support/fake-runtime.ts'
import { testRuntime } from './runtime.suite.ts'

testRuntime('of unit tests', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fake-runtime-'))
  const modelPath = join(folder, 'model.onnx')
  await writeFile(modelPath, 'a model')
  const runtime = new FakeRuntime()
  const sessions = new Map<string, number>()
  let count = 0
  let held = Promise.resolve()
  runtime.onLoad = async (digest) => {
    await held
    sessions.set(digest, (sessions.get(digest) ?? 0) + 1)
  }
  runtime.onUnload = async (digest) => void sessions.delete(digest)
  runtime.onInfer = async (_digest, inputs) => {
    await held
    return [...inputs]
  }
  return {
    runtime,
    folder,
    modelPath,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: new Uint8Array(4) }],
    startAnother: async () => new FakeRuntime(),
    model: async () => `model-${count++}`,
    sessions: async (digest) => sessions.get(digest) ?? 0,
    hold: async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  }
})
