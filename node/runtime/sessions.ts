/**
 * The sessions of one worker process. A session reads the weights where the store keeps them, so its lease is held exactly as
 * long: the session is released first, then the lease, or ONNX Runtime would read unmapped memory.
 */
import { InferenceSession } from 'onnxruntime-node'
import { assertInvariant, HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { ModelSignature, TensorSignature, TensorValue } from '../ports/index.ts'
import { datatypeOfOrt } from './datatypes.ts'
import type { OpenWeights, WeightsLease } from './open-weights.ts'
import { inPlaceOptions } from './session-options.ts'
import { ortTensorOf, valueOfOrtTensor } from './tensors.ts'

interface LoadedModel {
  readonly session: InferenceSession
  readonly lease: WeightsLease
  readonly signature: ModelSignature
}

export class Sessions {
  readonly #weights: OpenWeights
  readonly #intraOpThreads: number
  readonly #models = new Map<string, Promise<LoadedModel>>()

  constructor(weights: OpenWeights, options: { readonly intraOpThreads: number }) {
    this.#weights = weights
    this.#intraOpThreads = options.intraOpThreads
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
      const feeds = Object.fromEntries(inputs.map((input) => [input.name, ortTensorOf(input)]))
      const names = outputs ?? signature.outputs.map(({ name }) => name)
      const results = await session.run(feeds, [...names])
      return names.map((name) => valueOfOrtTensor(name, results[name]!))
    } catch (error) {
      throw new HoldfastError('INFERENCE_FAILED', `The runtime failed: ${textOf(error)}`, { cause: error })
    }
  }

  async unload(digest: string): Promise<void> {
    const loading = this.#models.get(digest)
    if (loading === undefined) return
    this.#models.delete(digest)
    const { session, lease } = await loading
    try {
      await session.release()
    } finally {
      lease.close()
    }
  }

  async #create(digest: string): Promise<LoadedModel> {
    const lease = await this.#weights.open(digest)
    try {
      const session = await InferenceSession.create(lease.bytes, inPlaceOptions(this.#intraOpThreads))
      return { session, lease, signature: signatureOf(session) }
    } catch (error) {
      lease.close()
      if (isHoldfastError(error)) throw error
      throw new HoldfastError('NOT_RUNNABLE', `The model does not load: ${textOf(error)}`, { cause: error })
    }
  }
}

function signatureOf(session: InferenceSession): ModelSignature {
  return {
    platform: 'onnxruntime_onnx',
    inputs: session.inputMetadata.map(tensorSignatureOf),
    outputs: session.outputMetadata.map(tensorSignatureOf),
  }
}

function tensorSignatureOf(metadata: InferenceSession.ValueMetadata): TensorSignature {
  const { name } = metadata
  if (!metadata.isTensor)
    throw new HoldfastError('NOT_RUNNABLE', `'${name}' of the model is not a tensor but a sequence or map.`)
  const datatype = datatypeOfOrt(metadata.type)
  if (datatype === null) {
    throw new HoldfastError(
      'NOT_RUNNABLE',
      `'${name}' of the model is ${metadata.type}, which the protocol has no name for.`,
    )
  }
  return { name, datatype, shape: metadata.shape.map((size) => (typeof size === 'number' ? size : -1)) }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
