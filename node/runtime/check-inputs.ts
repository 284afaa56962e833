/**
 * Compares a request with a model's signature before any of it reaches a worker process: a wrong shape costs microseconds here,
 * and the message names the tensor, what was expected and what came. INFERENCE_FAILED, as the request itself was well formed.
 */
import { HoldfastError } from '../../common/index.ts'
import type { ModelSignature, TensorSignature, TensorValue } from '../ports/index.ts'
import { datatypeTable, elementCount } from './datatypes.ts'

export function checkInputs(
  signature: ModelSignature,
  inputs: readonly TensorValue[],
  outputs: readonly string[] | undefined,
): void {
  const expected = new Map(signature.inputs.map((input) => [input.name, input]))
  for (const input of inputs) {
    const wanted = expected.get(input.name)
    if (wanted === undefined) throw refuse(unexpected(signature, inputs, input.name))
    checkTensor(wanted, input)
    expected.delete(input.name)
  }
  for (const missing of expected.values())
    throw refuse(`input '${missing.name}' is missing; the model takes ${list(signature.inputs)}`)
  for (const name of outputs ?? []) {
    if (signature.omittedOutputs.includes(name)) {
      const message = `Output '${name}' is no tensor that an answer can carry; ask for ${list(signature.outputs)}.`
      throw new HoldfastError('UNSUPPORTED_TYPE', message)
    }
    if (!signature.outputs.some((output) => output.name === name)) {
      throw refuse(`the model has no output '${name}'; it gives ${list(signature.outputs)}`)
    }
  }
}

function checkTensor(wanted: TensorSignature, given: TensorValue): void {
  if (given.datatype !== wanted.datatype) {
    throw refuse(`input '${wanted.name}' must be ${wanted.datatype}, not ${given.datatype}`)
  }
  // A model that does not say how many dimensions an input has takes any; the runtime checks a scalar by itself.
  const fits =
    wanted.shape.length === 0 ||
    (given.shape.length === wanted.shape.length &&
      given.shape.every((size, axis) => wanted.shape[axis] === -1 || wanted.shape[axis] === size))
  if (!fits)
    throw refuse(`input '${wanted.name}' must have shape ${shapeText(wanted.shape)}, not ${shapeText(given.shape)}`)
  const count = elementCount(given.shape)
  if (Number.isNaN(count)) throw refuse(`input '${wanted.name}' has the impossible shape ${shapeText(given.shape)}`)
  const sizeBytes = datatypeTable[given.datatype].sizeBytes
  // The elements of BYTES are counted where they are decoded, in the worker process.
  const { byteLength } = given.data
  if (sizeBytes > 0 && byteLength !== count * sizeBytes) {
    const shape = shapeText(given.shape)
    throw refuse(`input '${wanted.name}' of shape ${shape} needs ${count * sizeBytes} bytes of data, not ${byteLength}`)
  }
}

function unexpected(signature: ModelSignature, inputs: readonly TensorValue[], name: string): string {
  const isKnown = signature.inputs.some((input) => input.name === name)
  if (isKnown && inputs.filter((input) => input.name === name).length > 1) return `input '${name}' is given twice`
  return `the model has no input '${name}'; it takes ${list(signature.inputs)}`
}

function list(tensors: readonly TensorSignature[]): string {
  return tensors.map(({ name, datatype, shape }) => `'${name}' ${datatype}${shapeText(shape)}`).join(', ')
}

function shapeText(shape: readonly number[]): string {
  return `[${shape.map((size) => (size === -1 ? 'any' : size)).join(',')}]`
}

function refuse(message: string): HoldfastError {
  return new HoldfastError('INFERENCE_FAILED', message)
}
