/** Inputs and outputs of a session, as the protocol names them. */
import type { InferenceSession } from 'onnxruntime-node'
import { HoldfastError } from '../../common/index.ts'
import type { TensorSignature } from '../ports/index.ts'
import { nameOfBf16 } from './bf16-names.ts'
import { datatypeOfOrt } from './datatypes.ts'

export interface SessionSignature {
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
  /** Outputs that are a sequence, a map, or of a type that the protocol has no name for: never in an answer. */
  readonly omittedOutputs: readonly string[]
}

/** UNSUPPORTED_TYPE when an input cannot be given in a request, or no output in an answer. */
export function signatureOf({ inputMetadata, outputMetadata }: InferenceSession): SessionSignature {
  const outputs = outputMetadata.map(tensorSignatureOf)
  const omittedOutputs = outputMetadata.filter((_, index) => outputs[index] === null).map(({ name }) => name)
  if (omittedOutputs.length > 0 && omittedOutputs.length === outputs.length) {
    const message = `No output of the model is a tensor: ${omittedOutputs.join(', ')}. Export it with tensors as outputs.`
    throw new HoldfastError('UNSUPPORTED_TYPE', message)
  }
  return {
    inputs: inputMetadata.map((metadata) => tensorSignatureOf(metadata) ?? refuseInput(metadata)),
    outputs: outputs.filter((output) => output !== null),
    omittedOutputs,
  }
}

/** All that a caller of ONNX Runtime itself sees of it, to compare with another session of the same model. */
export function interfaceOf({ inputMetadata, outputMetadata }: InferenceSession): string {
  return JSON.stringify([inputMetadata.map(plainOf), outputMetadata.map(plainOf)])
}

function tensorSignatureOf(metadata: InferenceSession.ValueMetadata): TensorSignature | null {
  const bf16 = nameOfBf16(metadata.name)
  const plain = metadata.isTensor ? datatypeOfOrt(metadata.type) : null
  const datatype = bf16 === null ? plain : 'BF16'
  if (!metadata.isTensor || datatype === null) return null
  return {
    name: bf16 ?? metadata.name,
    datatype,
    shape: metadata.shape.map((size) => (typeof size === 'number' ? size : -1)),
  }
}

function refuseInput(metadata: InferenceSession.ValueMetadata): never {
  const what = metadata.isTensor ? metadata.type : 'a sequence or a map'
  const message = `Input '${metadata.name}' of the model is ${what}, which a request cannot carry. Export it with another input.`
  throw new HoldfastError('UNSUPPORTED_TYPE', message)
}

function plainOf(metadata: InferenceSession.ValueMetadata): object {
  if (!metadata.isTensor) return [metadata.name]
  return [metadata.name, metadata.type, metadata.shape]
}
