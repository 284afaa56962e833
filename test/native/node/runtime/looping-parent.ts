/** A process whose worker computes without end, to be killed. Prints a line when it does. */
import { createOnnxRuntime } from '../../../../node/runtime/index.ts'
import { systemClock } from '../../../../node/system/index.ts'
import { int64Bytes } from '../../../node/runtime/hostile-models.ts'

const folder = process.argv[2]!
const weightsModule = new URL('../../../node/runtime/file-weights.ts', import.meta.url).href
const runtime = createOnnxRuntime({ clock: systemClock, socketPath: folder, weightsModule })
await runtime.start()
await runtime.load('loop')
const turns = { name: 'turns', datatype: 'INT64' as const, shape: [1], data: int64Bytes(2 ** 52) }
const x = { name: 'x', datatype: 'FP32' as const, shape: [1], data: new Uint8Array(4) }
await runtime.infer('loop', [turns, x], { onRun: () => console.log('runs') })
