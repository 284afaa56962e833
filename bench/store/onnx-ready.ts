/**
 * How soon ONNX Runtime is ready with a model, from its own file and from the store; prints one JSON line.
 *
 * Ready is a session that runs. A session of a tiny model is made first, so that the runtime's own start is in neither. With `hold` it
 * prints when it is ready, and stays until standard input ends.
 */
import { once } from 'node:events'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { open } from '../../clients/node/index.ts'
import { inPlaceOptions } from '../../node/runtime/index.ts'

export interface OnnxReadyRequest {
  readonly from: 'file' | 'store'
  /** A path, or the name of a model of one file in ORT format. */
  readonly model: string
  readonly socketPath: string
  readonly warmUpPath: string
  readonly count: number
  /** Timed inferences of the last session, after one that is not. */
  readonly inferences: number
  readonly hold: boolean
}

const request = JSON.parse(process.argv[2] ?? '') as OnnxReadyRequest
const threads = 1

async function load(): Promise<{ session: InferenceSession; close: () => void }> {
  if (request.from === 'file') {
    const session = await InferenceSession.create(request.model, { intraOpNumThreads: threads, logSeverityLevel: 3 })
    return { session, close: () => {} }
  }
  const model = await open(request.model, { socketPath: request.socketPath })
  return {
    session: await InferenceSession.create(model.files[0]!.bytes, inPlaceOptions(threads)),
    close: () => model.close(),
  }
}

async function infer(session: InferenceSession): Promise<number> {
  const [{ name, shape }] = session.inputMetadata as unknown as [{ name: string; shape: (number | string)[] }]
  const dims = shape.map((size) => (typeof size === 'number' ? size : 1))
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.5)
  const startedMs = performance.now()
  await session.run({ [name]: new Tensor('float32', data, dims) })
  return performance.now() - startedMs
}

await (await InferenceSession.create(request.warmUpPath, { intraOpNumThreads: threads, logSeverityLevel: 3 })).release()
const readyMs: number[] = []
const inferMs: number[] = []
for (let index = 0; index < request.count; index++) {
  const startedMs = performance.now()
  const { session, close } = await load()
  readyMs.push(performance.now() - startedMs)
  if (index === request.count - 1) {
    for (let run = -1; run < request.inferences; run++) {
      const tookMs = await infer(session)
      if (run >= 0) inferMs.push(tookMs)
    }
    if (request.hold) {
      await infer(session)
      process.stdout.write(`${JSON.stringify({ readyMs, inferMs })}\n`)
      process.stdin.resume()
      await once(process.stdin, 'end')
    }
  }
  await session.release()
  close()
}
if (!request.hold) process.stdout.write(`${JSON.stringify({ readyMs, inferMs })}\n`)
process.exit(0)
