/**
 * The sessions of one worker process. A session reads the weights where the store keeps them, so its lease is held exactly as
 * long: the session is released first, then the lease, or ONNX Runtime would read unmapped memory.
 */
import type { InferenceSession } from 'onnxruntime-node'
import { assertInvariant, HoldfastError } from '../../common/index.ts'
import type { ModelSignature, TensorSignature, TensorValue } from '../ports/index.ts'
import { innerName } from './bf16-names.ts'
import type { ConfinedChild } from './confined-child.ts'
import { isOutOfMemory, MemoryBound, memoryExceeded } from './memory-bound.ts'
import { isOrtFormat, openForm } from './open-form.ts'
import type { OpenWeights, WeightsLease } from './open-weights.ts'
import { privateMemoryBytes } from './private-memory.ts'
import type { WorkerSettings } from './protocol.ts'
import { errorOfModel, errorOfRun } from './runtime-errors.ts'
import { intraOpThreadsFor, type ThreadBudget } from './session-threads.ts'
import { signatureOf } from './signature.ts'
import { ortTensorOf, valueOfOrtTensor } from './tensors.ts'

const platform = 'onnxruntime_onnx'

/** Of the smallest session. What the process has free already is used first, so that a measurement may find less. */
const sessionBytesMin = 256 * 1024

interface LoadedModel {
  readonly session: InferenceSession
  readonly lease: WeightsLease
  readonly signature: ModelSignature
  /** Threads of its own, which end with it. */
  readonly poolThreads: number
}

type SessionsOptions = ThreadBudget &
  Pick<WorkerSettings, 'answerBytesMax' | 'runBytesMax'> &
  Pick<ConfinedChild, 'limitMemory'>

/** Of a copy of the weights while the session is made: its own, and the tensors that are made of it. */
const copiesWhileLoading = 3

const runOption = 'runtime.runBytesMax'

export class Sessions {
  readonly #weights: OpenWeights
  readonly #options: SessionsOptions
  readonly #memory: MemoryBound
  #poolThreads = 0
  readonly #models = new Map<string, Promise<LoadedModel>>()

  constructor(weights: OpenWeights, options: SessionsOptions) {
    this.#weights = weights
    this.#options = options
    this.#memory = new MemoryBound(options.limitMemory)
  }

  /** Loading twice is once. */
  async load(digest: string): Promise<ModelSignature> {
    let loading = this.#models.get(digest)
    if (loading === undefined) {
      loading = this.#create(digest)
      this.#models.set(digest, loading)
      loading.catch(() => this.#models.delete(digest)) // the caller below gets the error itself
    }
    return (await loading).signature
  }

  async infer(
    digest: string,
    inputs: readonly TensorValue[],
    outputs: readonly string[] | undefined,
  ): Promise<TensorValue[]> {
    const loading = this.#models.get(digest)
    assertInvariant(loading !== undefined, `the pool loads ${digest} before it sends work for it`)
    const { session, signature } = await loading
    try {
      const feeds = Object.fromEntries(inputs.map((input) => [innerName(input), ortTensorOf(input)]))
      const wanted = wantedOutputs(signature, outputs)
      const run = () => session.run(feeds, wanted.map(innerName))
      const results = await this.#memory.run(this.#options.runBytesMax, run)
      const answer = wanted.map((output) => valueOfOrtTensor(output.name, results[innerName(output)]!, output.datatype))
      checkSize(answer, this.#options.answerBytesMax)
      return answer
    } catch (error) {
      if (isOutOfMemory(String(error))) throw memoryExceeded('run', this.#options.runBytesMax, runOption)
      throw errorOfRun(error)
    }
  }

  async unload(digest: string): Promise<void> {
    const loading = this.#models.get(digest)
    if (loading === undefined) return
    this.#models.delete(digest)
    const { session, lease, poolThreads } = await loading
    try {
      await session.release()
    } finally {
      this.#poolThreads -= poolThreads
      lease.close()
    }
  }

  async #create(digest: string): Promise<LoadedModel> {
    const lease = await this.#weights.open(digest)
    const weights = isOrtFormat(lease.bytes) ? 'shared' : 'copied'
    const bytesMax = this.#options.runBytesMax + (weights === 'copied' ? copiesWhileLoading * lease.bytes.length : 0)
    const threads = intraOpThreadsFor(lease.bytes.length, this.#poolThreads, this.#options)
    const poolThreads = threads - 1
    this.#poolThreads += poolThreads
    try {
      const beforeBytes = privateMemoryBytes()
      const session = await this.#memory.run(bytesMax, () => openForm(lease.bytes, threads))
      const leastBytes = sessionBytesMin + (weights === 'copied' ? lease.bytes.length : 0)
      const grownBytes = privateMemoryBytes() - beforeBytes
      const privateBytes = grownBytes > leastBytes ? grownBytes : leastBytes
      const signature = { platform, ...signatureOf(session), weights, privateBytes } as const
      return { session, lease, poolThreads, signature }
    } catch (error) {
      this.#poolThreads -= poolThreads
      lease.close()
      if (isOutOfMemory(String(error))) throw memoryExceeded('loaded', bytesMax, runOption)
      throw errorOfModel(error)
    }
  }
}

/** Here, where nothing else has the tensors yet. */
function checkSize(answer: readonly TensorValue[], limitBytes: number): void {
  const sizeBytes = answer.reduce((sum, { data }) => sum + data.byteLength, 0)
  if (sizeBytes <= limitBytes) return
  const message = `The outputs have ${sizeBytes} bytes; ${limitBytes} are allowed (http.answerLimitBytes).`
  throw new HoldfastError('ANSWER_TOO_LARGE', message)
}

/** Those that were asked for, in that order; all of them when nothing was. */
function wantedOutputs(signature: ModelSignature, names: readonly string[] | undefined): readonly TensorSignature[] {
  if (names === undefined) return signature.outputs
  return names.map((name) => signature.outputs.find((output) => output.name === name)!)
}
