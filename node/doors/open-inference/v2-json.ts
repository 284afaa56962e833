/**
 * JSON bodies of the Open Inference Protocol V2, https://github.com/open-inference/open-inference-protocol: pure functions
 * between a parsed body and tensors. A body is hostile until checked; whatever is wrong is a BAD_REQUEST (REQUEST_TOO_LARGE
 * for a limit) that names the field. The names of models and their versions are the caller's matter.
 */
import { HoldfastError } from '../../../common/index.ts'
import type { TensorValue } from '../../ports/index.ts'
import { elementCount, isDatatype } from '../../runtime/index.ts'
import { type ElementSink, elementSink, type JsonElement, jsonElements } from './json-elements.ts'

export interface InferLimits {
  /** Tensors in a request, and outputs asked for. */
  readonly tensorsMax: number
  /** Of one tensor. ONNX models have at most 8 in practice. */
  readonly dimensionsMax: number
  /** Of all tensors together. 16 Mi floats are 64 MiB, and some 300 MB of JSON text. */
  readonly elementsMax: number
  /** Characters of ids and of names of tensors. */
  readonly nameLengthMax: number
}

export const defaultInferLimits: InferLimits = {
  tensorsMax: 64,
  dimensionsMax: 8,
  elementsMax: 16 * 1024 * 1024,
  nameLengthMax: 256,
}

export interface InferRequest {
  readonly id?: string
  readonly inputs: readonly TensorValue[]
  /** Names of the outputs to answer with; all when absent. */
  readonly outputs?: readonly string[]
}

export interface InferResult {
  readonly modelName: string
  readonly modelVersion?: string | undefined
  readonly id?: string | undefined
  readonly outputs: readonly TensorValue[]
  /** Named in the parameters of the answer. */
  readonly omittedOutputs?: readonly string[] | undefined
}

export interface InferResponseJson {
  readonly model_name: string
  readonly model_version?: string
  readonly id?: string
  readonly parameters?: { readonly omitted_outputs: readonly string[] }
  readonly outputs: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly datatype: string
    readonly data: readonly JsonElement[]
  }[]
}

export function parseInferRequest(body: unknown, limits: InferLimits = defaultInferLimits): InferRequest {
  if (!isRecord(body)) throw bad('the body must be a JSON object with `inputs`')
  const { id, inputs, outputs } = body
  const request: { id?: string; inputs: TensorValue[]; outputs?: string[] } = { inputs: [] }
  if (id !== undefined) request.id = nameAt('id', id, limits)
  let elementsLeft = limits.elementsMax
  for (const [index, input] of listAt('inputs', inputs, limits).entries()) {
    const tensor = parseTensor(`inputs[${index}]`, input, limits, elementsLeft)
    if (request.inputs.some(({ name }) => name === tensor.name))
      throw bad(`there are two inputs named '${tensor.name}'`)
    elementsLeft -= elementCount(tensor.shape)
    request.inputs.push(tensor)
  }
  if (outputs !== undefined) {
    request.outputs = listAt('outputs', outputs, limits).map((output, index) => {
      if (!isRecord(output)) throw bad(`outputs[${index}] must be an object with \`name\``)
      refuseBinary(`outputs[${index}]`, output, 'binary_data')
      return nameAt(`outputs[${index}].name`, output.name, limits)
    })
  }
  return request
}

export function formatInferResponse(result: InferResult): InferResponseJson {
  return {
    model_name: result.modelName,
    ...(result.modelVersion === undefined ? {} : { model_version: result.modelVersion }),
    ...(result.id === undefined ? {} : { id: result.id }),
    ...omittedParameter(result.omittedOutputs),
    outputs: result.outputs.map(({ name, shape, datatype, data }) => ({
      name,
      shape,
      datatype,
      data: jsonElements(datatype, data),
    })),
  }
}

/** Outputs of a model that an answer does not have, so that nobody looks for them in vain. */
export function omittedParameter(names: readonly string[] = []): {
  readonly parameters?: { readonly omitted_outputs: readonly string[] }
} {
  return names.length === 0 ? {} : { parameters: { omitted_outputs: names } }
}

function parseTensor(where: string, value: unknown, limits: InferLimits, elementsLeft: number): TensorValue {
  if (!isRecord(value)) throw bad(`${where} must be an object with name, shape, datatype and data`)
  refuseBinary(where, value, 'binary_data_size')
  const name = nameAt(`${where}.name`, value.name, limits)
  const label = `${where} ('${name}')`
  const { datatype, shape, data } = value
  if (!isDatatype(datatype))
    throw bad(`${label}: datatype ${show(datatype)} is not one of the protocol's, such as FP32`)
  if (!Array.isArray(shape) || Number.isNaN(elementCount(shape))) {
    throw bad(`${label}: shape must be a list of non-negative integers, not ${showShape(shape)}`)
  }
  if (shape.length > limits.dimensionsMax) {
    throw tooLarge(`${label}: ${shape.length} dimensions, at most ${limits.dimensionsMax} are taken`)
  }
  const count = elementCount(shape)
  if (count > elementsLeft) {
    throw tooLarge(`${label}: more than ${limits.elementsMax} elements in a request (limit elementsMax)`)
  }
  if (!Array.isArray(data)) throw bad(`${label}: data must be a list, flat or nested, of ${count} elements`)
  // The buffer is as large as the shape says: first see that the elements are there, so that a short body cannot ask for much.
  const found = countLeaves(data, limits.dimensionsMax, count)
  if (found !== count)
    throw bad(`${label}: shape [${shape}] has ${count} elements, data has ${found > count ? 'more' : found}`)
  const sink = elementSink(datatype, count)
  const wrong = fill(sink, data, limits.dimensionsMax)
  if (wrong !== null) throw bad(`${label}: element ${wrong.index} is ${show(wrong.value)}, which is not ${datatype}`)
  return { name, datatype, shape: [...shape], data: sink.data }
}

/** Elements of nested lists; stops counting beyond `most`. Lists nested deeper than `depthMax` count as an element, and then fail as one. */
function countLeaves(list: readonly unknown[], depthMax: number, most: number): number {
  let count = 0
  for (const item of list) {
    count += Array.isArray(item) && depthMax > 1 ? countLeaves(item, depthMax - 1, most - count) : 1
    if (count > most) return count
  }
  return count
}

/** Walks as countLeaves does. Returns the first element that does not fit, or null. */
function fill(sink: ElementSink, list: readonly unknown[], depthMax: number): { index: number; value: unknown } | null {
  let index = 0
  const visit = (items: readonly unknown[], depthLeft: number): { index: number; value: unknown } | null => {
    for (const item of items) {
      if (Array.isArray(item) && depthLeft > 1) {
        const wrong = visit(item, depthLeft - 1)
        if (wrong !== null) return wrong
      } else {
        if (!sink.set(item, index)) return { index, value: item }
        index++
      }
    }
    return null
  }
  return visit(list, depthMax)
}

function listAt(where: string, value: unknown, limits: InferLimits): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw bad(`${where} must be a list that is not empty`)
  if (value.length > limits.tensorsMax) throw tooLarge(`${where}: at most ${limits.tensorsMax} (limit tensorsMax)`)
  return value
}

function nameAt(where: string, value: unknown, limits: InferLimits): string {
  if (typeof value !== 'string' || value.length === 0) throw bad(`${where} must be text`)
  if (value.length > limits.nameLengthMax) throw bad(`${where}: at most ${limits.nameLengthMax} characters`)
  return value
}

/** Of the binary extension, whose bytes would follow the JSON: answering without them would be silently wrong. */
function refuseBinary(where: string, value: Readonly<Record<string, unknown>>, key: string): void {
  const { parameters } = value
  if (isRecord(parameters) && parameters[key] !== undefined && parameters[key] !== false) {
    throw bad(`${where}: binary tensor data (${key}) is not taken on this route; send the elements in \`data\``)
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** A flat list of a few items as it is; anything else in words, as a hostile value may be too deep to print. */
function showShape(value: unknown): string {
  const isFlat = Array.isArray(value) && value.length <= 8 && value.every((item) => typeof item !== 'object')
  return isFlat ? JSON.stringify(value) : show(value)
}

function bad(message: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', message)
}

function tooLarge(message: string): HoldfastError {
  return new HoldfastError('REQUEST_TOO_LARGE', message)
}
