/** A runtime on real worker processes, with derived models in a folder and a view of who holds them. */
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type GeneratedModelName, generateModel } from '../../../demo/models/index.ts'
import type { Runtime, TensorValue } from '../../../node/ports/index.ts'
import { type CreateOnnxRuntimeOptions, createOnnxRuntime } from '../../../node/runtime/index.ts'
import { systemClock } from '../../../node/system/index.ts'

export interface RuntimeFixture {
  readonly folder: string
  /** Starts a runtime that stop() ends. */
  start(options?: Partial<CreateOnnxRuntimeOptions>): Promise<Runtime>
  /** Derives a generated model once; afterwards it can be loaded under its name. */
  derive(name: GeneratedModelName): Promise<void>
  /** Derives a model of the test's own. */
  deriveBytes(name: string, model: Uint8Array): Promise<void>
  /** Process ids of the living workers that have the model open. */
  holders(digest: string): Promise<number[]>
  stop(): Promise<void>
}

export async function createRuntimeFixture(): Promise<RuntimeFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-runtime-'))
  const runtimes: Runtime[] = []
  const create = (options: Partial<CreateOnnxRuntimeOptions>): Runtime => {
    const weightsModule = new URL('./file-weights.ts', import.meta.url).href
    const runtime = createOnnxRuntime({
      clock: systemClock,
      socketPath: folder,
      weightsModule,
      intraOpThreads: 1,
      ...options,
    })
    runtimes.push(runtime)
    return runtime
  }
  return {
    folder,
    async start(options = {}) {
      const runtime = create(options)
      await runtime.start()
      return runtime
    },
    async derive(name) {
      const source = join(folder, `${name}.source`)
      await mkdir(source)
      const { files } = await generateModel(name, source)
      await create({}).derive(files[0]!, join(folder, `${name}.ort`))
    },
    async deriveBytes(name, model) {
      const source = join(folder, `${name}.source`)
      await mkdir(source)
      await writeFile(join(source, 'model.onnx'), model)
      await create({}).derive(join(source, 'model.onnx'), join(folder, `${name}.ort`))
    },
    async holders(digest) {
      const path = join(folder, `${digest}.ort`)
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
      return pids.filter((pid) => pid !== process.pid && openPaths(pid).includes(path))
    },
    async stop() {
      await Promise.all(runtimes.splice(0).map((runtime) => runtime.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `batch` images whose pixels depend on `shade`. */
export function images(shape: readonly number[], shade = 0.5): TensorValue {
  const count = shape.reduce((product, size) => product * size, 1)
  const pixels = new Float32Array(count).map((_, index) => ((index % 255) / 255) * shade)
  return { name: 'image', datatype: 'FP32', shape, data: new Uint8Array(pixels.buffer) }
}

export function floatsOf(value: TensorValue): Float32Array {
  const bytes = new Uint8Array(value.data as Uint8Array)
  return new Float32Array(bytes.buffer)
}

/** Empty for a process that has ended meanwhile. */
function openPaths(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
  } catch {
    return []
  }
}

function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)]
  } catch {
    return []
  }
}
