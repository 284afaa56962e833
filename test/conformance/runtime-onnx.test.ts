import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createRuntimeFixture, images } from '../node/runtime/fixture.ts'
import { testRuntime } from './runtime.suite.ts'

testRuntime('ONNX Runtime in worker processes', async () => {
  const fixture = await createRuntimeFixture()
  await fixture.derive('tiny')
  const source = join(fixture.folder, 'tiny.source')
  const [file] = (await readdir(source)).filter((name) => name.endsWith('.onnx'))
  const runtime = await fixture.start({ workerCount: 1 })
  // Its process is known by what it holds.
  await runtime.load('tiny')
  const [worker] = await fixture.holders('tiny')
  let count = 0
  return {
    runtime,
    folder: fixture.folder,
    modelPath: join(source, file!),
    inputs: [images([1, 3, 32, 32])],
    startAnother: () => fixture.start({ workerCount: 1 }),
    model: async () => {
      const digest = `model-${count++}`
      await copyFile(join(fixture.folder, 'tiny.ort'), join(fixture.folder, `${digest}.ort`))
      return digest
    },
    sessions: async (digest) => (await fixture.holders(digest)).length,
    hold: async () => {
      process.kill(worker!, 'SIGSTOP')
      return () => process.kill(worker!, 'SIGCONT')
    },
    stop: () => fixture.stop(),
  }
})
