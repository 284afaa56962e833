/** A runtime on real worker processes, with derived models in a folder and a view of who holds them. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
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
    async holders(digest) {
      const names = await readdir(folder)
      const markers = names.filter((name) => name.startsWith(`${digest}.`) && name.endsWith('.open'))
      return markers.map((name) => Number(name.split('.').at(-2))).filter(isRunning)
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

/** A process that was killed leaves its marker. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
