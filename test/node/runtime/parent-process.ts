/** A process that only runs a runtime with one loaded model, to be killed. Prints a line when it is ready. */

import { createOnnxRuntime } from '../../../node/runtime/index.ts'
import { systemClock } from '../../../node/system/index.ts'

const [folder, digest] = process.argv.slice(2)
const runtime = createOnnxRuntime({
  clock: systemClock,
  socketPath: folder!,
  weightsModule: new URL('./file-weights.ts', import.meta.url).href,
  workerCount: 2,
})
await runtime.start()
await runtime.load(digest!)
console.log('ready')
