/**
 * The Runtime port on ONNX Runtime: which models are loaded, and requests checked against their signatures. The processes that
 * compute are the pool's matter, the conversion is derive.ts's.
 *
 *   load -> loading -> loaded -> unload: closing (running work ends, nothing new starts) -> gone
 */
import { HoldfastError } from '../../common/index.ts'
import type {
  AbortOptions,
  ModelSignature,
  RunOptions,
  RunOrder,
  Runtime,
  SetAside,
  TensorValue,
} from '../ports/index.ts'
import { orAborted } from './abort.ts'
import { checkInputs } from './check-inputs.ts'
import { ConversionLimit } from './conversion-limit.ts'
import { deriveModel } from './derive.ts'
import { runtimeFingerprint } from './fingerprint.ts'
import type { OnnxRuntimeOptions } from './options.ts'
import { WorkerPool } from './worker-pool.ts'

interface Model {
  readonly loading: Promise<ModelSignature>
  /** Callers of load that still wait. When all have given up, nobody knows of the model, so that it is unloaded again. */
  waiters: number
  isWanted: boolean
  closing: Promise<void> | null
}

export class OnnxRuntime implements Runtime {
  readonly #options: OnnxRuntimeOptions
  readonly #pool: WorkerPool
  readonly #models = new Map<string, Model>()
  readonly #conversions: ConversionLimit
  readonly #stopping = new AbortController()
  #fingerprint: string | null = null

  constructor(options: OnnxRuntimeOptions) {
    this.#options = options
    this.#pool = new WorkerPool(options)
    this.#conversions = new ConversionLimit(options)
  }

  start(): Promise<void> {
    return this.#pool.start()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new HoldfastError('SHUTTING_DOWN', 'The runtime is stopping.'))
    await this.#pool.stop()
  }

  fingerprint(): string {
    this.#fingerprint ??= runtimeFingerprint()
    return this.#fingerprint
  }

  derive(inputPath: string, outputPath: string, options: AbortOptions = {}): Promise<void> {
    const signals = [this.#stopping.signal, ...(options.signal === undefined ? [] : [options.signal])]
    return deriveModel(inputPath, outputPath, {
      clock: this.#options.clock,
      limits: this.#options,
      onConfined: (confinement) => this.#options.onConfined('converter', confinement),
      limit: this.#conversions,
      signal: AbortSignal.any(signals),
    })
  }

  async load(digest: string, options: AbortOptions = {}): Promise<ModelSignature> {
    let model = this.#models.get(digest)
    while (model?.closing) {
      await orAborted(model.closing, options.signal)
      model = this.#models.get(digest)
    }
    model ??= this.#startLoading(digest)
    model.waiters++
    try {
      const signature = await orAborted(model.loading, options.signal)
      model.isWanted = true
      return signature
    } finally {
      model.waiters--
    }
  }

  async infer(digest: string, inputs: readonly TensorValue[], options: RunOptions = {}): Promise<TensorValue[]> {
    const signature = await orAborted(this.#usable(digest).loading, options.signal)
    checkInputs(signature, inputs, options.outputs)
    this.#usable(digest) // an unload may have begun while the session was being made
    return this.#pool.run(digest, inputs, options)
  }

  async unload(digest: string): Promise<void> {
    const model = this.#models.get(digest)
    if (model === undefined) return
    model.closing ??= this.#close(digest, model)
    await model.closing
  }

  queueMs(order: RunOrder | null): number {
    return this.#pool.queueMs(order)
  }

  sureQueueMs(order: RunOrder): number {
    return this.#pool.sureQueueMs(order)
  }

  setAside(): SetAside[] {
    return this.#pool.setAside()
  }

  queued(digest: string): number {
    return this.#pool.queued(digest)
  }

  #usable(digest: string): Model {
    const model = this.#models.get(digest)
    if (model === undefined || model.closing !== null) {
      throw new HoldfastError('UNKNOWN_MODEL', `Model ${digest} is not loaded in the runtime.`)
    }
    return model
  }

  #startLoading(digest: string): Model {
    const model: Model = { loading: this.#pool.load(digest), waiters: 0, isWanted: false, closing: null }
    this.#models.set(digest, model)
    model.loading.then(
      () => {
        // After the callers of load have been told, which takes them a turn of the event loop.
        setImmediate(() => {
          if (!model.isWanted && model.waiters === 0) void this.unload(digest).catch(() => {})
        })
      },
      () => this.#models.delete(digest),
    )
    return model
  }

  async #close(digest: string, model: Model): Promise<void> {
    try {
      await model.loading
      await this.#pool.drained(digest)
      await this.#pool.unload(digest)
    } catch (error) {
      // A model that never loaded has nothing to release.
      if (this.#models.get(digest) === model) throw error
    } finally {
      if (this.#models.get(digest) === model) this.#models.delete(digest)
    }
  }
}
