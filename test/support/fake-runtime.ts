/**
 * A Runtime that "converts" by prefixing a word and "runs" by echoing; what happens when is in the test's hands. Held by
 * test/conformance/runtime.suite.ts.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { HoldfastError } from '../../common/errors.ts'
import type { AbortOptions, ModelSignature, RunOptions, Runtime, TensorValue } from '../../node/ports/index.ts'

interface Model {
  loading: Promise<ModelSignature>
  /** Callers of load that still wait, and whether one got its answer. */
  waiters: number
  isWanted: boolean
  running: number
  closing: Promise<void> | null
}

export class FakeRuntime implements Runtime {
  version = 'v1'
  readonly derived: string[] = []
  readonly loadedDigests = new Set<string>()
  readonly unloads: string[] = []
  /** Requests that a test makes up, beside those that run. */
  readonly queuedWork = new Map<string, number>()
  /** The answer of queueMs() and sureQueueMs(). */
  waitMs = 0
  /** By which nothing begins too late. */
  nowMs: () => number = () => Number.MIN_SAFE_INTEGER
  onDerive: () => Promise<void> = async () => {}
  onLoad: (digest: string) => Promise<void> = async () => {}
  onUnload: (digest: string) => Promise<void> = async () => {}
  onInfer: (digest: string, inputs: readonly TensorValue[], signal?: AbortSignal) => Promise<TensorValue[]> = async (
    _digest,
    inputs,
  ) => [...inputs]
  private readonly models = new Map<string, Model>()
  private drained = Promise.withResolvers<void>()
  private isStopped = false

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.isStopped = true
  }

  fingerprint(): string {
    return this.version
  }

  async derive(inputPath: string, outputPath: string, { signal }: AbortOptions = {}): Promise<void> {
    if (this.isStopped) throw shuttingDown()
    this.derived.push(inputPath)
    const bytes = await readFile(inputPath).catch((cause) => {
      throw new HoldfastError('SYSTEM', `Cannot read the model file ${inputPath}.`, { cause })
    })
    await orAborted(this.onDerive(), signal)
    await writeFile(outputPath, Buffer.concat([Buffer.from(`${this.version} `), bytes]))
  }

  async load(digest: string, { signal }: AbortOptions = {}): Promise<ModelSignature> {
    let model = this.models.get(digest)
    while (model?.closing) {
      await orAborted(model.closing, signal)
      model = this.models.get(digest)
    }
    if (this.isStopped) throw shuttingDown()
    model ??= this.startLoading(digest)
    model.waiters++
    try {
      const signature = await orAborted(model.loading, signal)
      model.isWanted = true
      return signature
    } finally {
      model.waiters--
    }
  }

  async infer(
    digest: string,
    inputs: readonly TensorValue[],
    { signal, onRun, latestMs = Number.POSITIVE_INFINITY }: RunOptions = {},
  ): Promise<TensorValue[]> {
    const model = this.usable(digest)
    await orAborted(model.loading, signal)
    this.usable(digest)
    if (latestMs < this.nowMs()) throw new HoldfastError('DEADLINE_UNREACHABLE', 'It would begin too late.')
    model.running++
    onRun?.()
    const work = this.onInfer(digest, inputs, signal).finally(() => {
      model.running--
      setImmediate(() => this.notifyDrained())
    })
    return orAborted(work, signal)
  }

  async unload(digest: string): Promise<void> {
    const model = this.models.get(digest)
    if (model === undefined) return
    model.closing ??= this.close(digest, model)
    await model.closing
  }

  queueMs(): number {
    return this.waitMs
  }

  sureQueueMs(): number {
    return this.waitMs
  }

  setAside(): [] {
    return []
  }

  queued(digest: string): number {
    return (this.queuedWork.get(digest) ?? 0) + (this.models.get(digest)?.running ?? 0)
  }

  /** After the callers have their answers. */
  private notifyDrained(): void {
    this.drained.resolve()
    this.drained = Promise.withResolvers()
  }

  private usable(digest: string): Model {
    if (this.isStopped) throw shuttingDown()
    const model = this.models.get(digest)
    if (model !== undefined && model.closing === null) return model
    throw new HoldfastError('UNKNOWN_MODEL', `Model ${digest} is not loaded in the runtime.`)
  }

  private startLoading(digest: string): Model {
    const loading = this.onLoad(digest).then(() => {
      this.loadedDigests.add(digest)
      return {
        platform: 'fake',
        inputs: [],
        outputs: [],
        omittedOutputs: [],
        weights: 'shared' as const,
        privateBytes: 0,
      }
    })
    const model: Model = { loading, waiters: 0, isWanted: false, running: 0, closing: null }
    this.models.set(digest, model)
    loading.then(
      () => setImmediate(() => model.isWanted || model.waiters > 0 || void this.unload(digest)),
      () => this.models.delete(digest),
    )
    return model
  }

  private async close(digest: string, model: Model): Promise<void> {
    const isLoaded = await model.loading.then(
      () => true,
      () => false,
    )
    if (!isLoaded) return
    while (model.running > 0) await this.drained.promise
    this.unloads.push(digest)
    await this.onUnload(digest)
    this.loadedDigests.delete(digest)
    this.models.delete(digest)
  }
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = () => reject(errorOf(signal.reason))
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  work.then(resolve, reject)
  return promise.finally(() => signal.removeEventListener('abort', onAbort))
}

const errorOf = (reason: unknown): HoldfastError =>
  reason instanceof HoldfastError
    ? reason
    : new HoldfastError('DEADLINE_EXCEEDED', 'The caller stopped waiting.', { cause: reason })

const shuttingDown = (): HoldfastError => new HoldfastError('SHUTTING_DOWN', 'The runtime is stopping.')
