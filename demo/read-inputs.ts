/** The inputs that an ONNX file declares, read by the runtime itself. */
import { InferenceSession } from 'onnxruntime-node'
import { HoldfastError } from '../common/index.ts'
import type { TensorSignature } from '../node/ports/index.ts'
import { datatypeOfOrt } from '../node/runtime/index.ts'

/** BAD_MODEL_FILE when the runtime does not take the file. Free dimensions are -1. */
export async function readInputs(path: string): Promise<TensorSignature[]> {
  const session = await create(path)
  try {
    return session.inputMetadata.map((input) => {
      if (!input.isTensor) throw new HoldfastError('NOT_RUNNABLE', `The input ${input.name} of ${path} is no tensor.`)
      const datatype = datatypeOfOrt(input.type)
      if (datatype === null)
        throw new HoldfastError('NOT_RUNNABLE', `The input ${input.name} of ${path} is of type ${input.type}.`)
      return { name: input.name, datatype, shape: input.shape.map((size) => (typeof size === 'number' ? size : -1)) }
    })
  } finally {
    await session.release()
  }
}

async function create(path: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, { graphOptimizationLevel: 'disabled' })
  } catch (cause) {
    throw new HoldfastError('BAD_MODEL_FILE', `The runtime does not take ${path}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
