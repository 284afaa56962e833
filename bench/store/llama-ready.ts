/**
 * How soon llama.cpp is ready with a model, from its own file and from the store; prints one JSON line. Ready is a loaded model and one
 * evaluated token, for which all weights are read.
 *
 * llama.cpp takes a path and maps it: here that of the segment's descriptor, which this process's own lease keeps open.
 */
import { once } from 'node:events'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { open } from '../../clients/node/index.ts'
import { HoldfastError } from '../../common/index.ts'

export interface LlamaReadyRequest {
  readonly from: 'file' | 'store'
  readonly model: string
  readonly socketPath: string
  /** The folder in which node-llama-cpp is installed. */
  readonly llamaPath: string
  readonly count: number
  readonly hold: boolean
}

interface Sequence {
  controlledEvaluate(input: unknown[]): Promise<unknown>
}
interface Context {
  getSequence(): Sequence
  dispose(): Promise<void>
}
interface LlamaModel {
  createContext(options: object): Promise<Context>
  dispose(): Promise<void>
}
interface Llama {
  loadModel(options: object): Promise<LlamaModel>
}

const request = JSON.parse(process.argv[2] ?? '') as LlamaReadyRequest
const resolve = createRequire(join(request.llamaPath, 'package.json')).resolve
const { getLlama } = (await import(pathToFileURL(resolve('node-llama-cpp')).href)) as {
  getLlama(options: object): Promise<Llama>
}
const quiet = { build: 'never', gpu: false, skipDownload: true, progressLogs: false, logLevel: 'error' }
const llama = await getLlama(quiet)

async function load(): Promise<{ model: LlamaModel; close: () => void }> {
  if (request.from === 'file') return { model: await llama.loadModel({ modelPath: request.model }), close: () => {} }
  const opened = await open(request.model, { socketPath: request.socketPath })
  const modelPath = segmentPath(opened.files[0]!.sizeBytes)
  return { model: await llama.loadModel({ modelPath }), close: () => opened.close() }
}

/** This process leases one model at a time, so the size tells its segment. */
function segmentPath(sizeBytes: number): string {
  for (const fd of readdirSync('/proc/self/fd')) {
    const path = `/proc/self/fd/${fd}`
    try {
      if (readlinkSync(path).startsWith('/memfd:holdfast:') && statSync(path).size === sizeBytes) return path
    } catch {
      // The descriptor of the listing itself has gone.
    }
  }
  throw new HoldfastError('SYSTEM', `This process has no descriptor of a segment of ${sizeBytes} bytes.`)
}

const readyMs: number[] = []
for (let index = 0; index < request.count; index++) {
  const startedMs = performance.now()
  const { model, close } = await load()
  const context = await model.createContext({ contextSize: 64, threads: 1 })
  await context.getSequence().controlledEvaluate([[5, { generateNext: { token: true } }]])
  readyMs.push(performance.now() - startedMs)
  if (request.hold) {
    process.stdout.write(`${JSON.stringify({ readyMs })}\n`)
    process.stdin.resume()
    await once(process.stdin, 'end')
  }
  await context.dispose()
  await model.dispose()
  close()
}
if (!request.hold) process.stdout.write(`${JSON.stringify({ readyMs })}\n`)
process.exit(0)
