/**
 * Requests of the Open Inference Protocol V2 with its binary tensor extension, https://github.com/open-inference/open-inference-protocol:
 * from a body to tensors. A body is hostile until checked; whatever is wrong is a BAD_REQUEST (REQUEST_TOO_LARGE for a limit) that names
 * the field. The names of models and their versions are the caller's matter.
 */
import { isUtf8 } from 'node:buffer'
import type { TensorValue } from '../../ports/index.ts'
import { byteElements, elementCount, isDatatype } from '../../runtime/index.ts'
import { BinaryReader } from './binary-parts.ts'
import { bad, booleanAt, countAt, isRecord, listAt, nameAt, recordAt, show, showShape, tooLarge } from './fields.ts'
import type { InferLimits } from './infer-limits.ts'
import { readRequestText } from './request-text.ts'
import { dataBytesOf, readTensorText, type Span } from './tensor-text.ts'

export interface InferRequest {
  readonly id?: string
  readonly inputs: readonly TensorValue[]
  /** Names of the outputs to answer with; all when absent. */
  readonly outputs?: readonly string[]
  /** Path of the file of the model that is to run: parameters.entry. */
  readonly entry?: string
  /** Whether an output is to be answered as bytes behind the JSON. */
  readonly isBinary: (output: string) => boolean
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** To be run in slices. `binary`: what follows the JSON in the body. */
export function* parseInferRequest(
  body: Buffer,
  binary: Buffer,
  limits: InferLimits,
): Generator<void, InferRequest, undefined> {
  if (!isUtf8(body)) throw bad('the JSON is not UTF-8')
  const json = body.subarray(0, 3).equals(byteOrderMark) ? body.subarray(3) : body
  const { value, lists } = yield* readRequestText(json, limits.jsonLimitBytes)
  if (!isRecord(value)) throw bad('the body must be a JSON object with `inputs`')
  const reader = new BinaryReader(binary)
  const inputs: TensorValue[] = []
  let elementsLeft = limits.elementsMax
  for (const [index, input] of listAt('inputs', value.inputs, limits).entries()) {
    const list = lists.get(index) ?? null
    const tensor = yield* parseTensor({ json, list, where: `inputs[${index}]`, input, limits, elementsLeft, reader })
    if (inputs.some(({ name }) => name === tensor.name)) throw bad(`there are two inputs named '${tensor.name}'`)
    if (list !== null) elementsLeft -= elementCount(tensor.shape)
    inputs.push(tensor)
  }
  if (reader.leftBytes > 0)
    throw bad(`${reader.leftBytes} bytes follow the JSON that no input has as its binary_data_size`)
  const id =
    value.id === undefined || value.id === null || value.id === '' ? {} : { id: nameAt('id', value.id, limits) }
  const { entry } = recordAt('parameters', value.parameters)
  const chosen = entry === undefined ? {} : { entry: nameAt('parameters.entry', entry, limits) }
  return { ...id, ...chosen, inputs, ...outputsOf(value, limits) }
}

/** Of a raw binary request: the body is the data of the only input, of one free dimension at most. */
export function rawInput(
  body: Buffer,
  wanted: readonly Pick<TensorValue, 'name' | 'datatype' | 'shape'>[],
): TensorValue {
  const input = wanted[0]
  if (input === undefined || wanted.length > 1)
    throw bad(`a raw binary request is for a model of one input; this one has ${wanted.length}`)
  const { name, datatype, shape } = input
  const free = shape.filter((size) => size === -1).length
  if (free > 1) throw bad(`a raw binary request needs a model with one free dimension at most; this one has ${free}`)
  const knownCount = elementCount(shape.map((size) => (size === -1 ? 1 : size)))
  if (datatype === 'BYTES') {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(body.byteLength)
    if (knownCount !== 1) throw bad('a raw binary request is for one BYTES element')
    return { name, datatype, shape: shape.map(() => 1), data: Buffer.concat([head, body]) }
  }
  const count = body.byteLength / dataBytesOf(datatype, 1)!
  const size = count / knownCount
  if (!(free === 1 ? Number.isSafeInteger(size) : size === 1))
    throw bad(`${body.byteLength} bytes are no ${datatype} data of shape [${shape}]`)
  return { name, datatype, shape: shape.map((fixed) => (fixed === -1 ? size : fixed)), data: body }
}

interface TensorPart {
  readonly json: Buffer
  readonly list: Span | null
  readonly where: string
  readonly input: unknown
  readonly limits: InferLimits
  readonly elementsLeft: number
  readonly reader: BinaryReader
}

function* parseTensor(part: TensorPart): Generator<void, TensorValue> {
  const { json, list, where, input, limits, elementsLeft, reader } = part
  if (!isRecord(input)) throw bad(`${where} must be an object with name, shape, datatype and data`)
  const name = nameAt(`${where}.name`, input.name, limits)
  const label = `${where} ('${name}')`
  const { datatype, shape } = input
  if (!isDatatype(datatype))
    throw bad(`${label}: datatype ${show(datatype)} is not one of the protocol's, such as FP32`)
  if (!Array.isArray(shape) || Number.isNaN(elementCount(shape)))
    throw bad(`${label}: shape must be a list of non-negative integers, not ${showShape(shape)}`)
  if (shape.length > limits.dimensionsMax)
    throw tooLarge(`${label}: ${shape.length} dimensions, at most ${limits.dimensionsMax} (inference.dimensionsMax)`)
  const count = elementCount(shape)
  const parameters = recordAt(`${label}: parameters`, input.parameters)
  refuseSharedMemory(label, parameters)
  const sizeBytes = countAt(`${label}: binary_data_size`, parameters.binary_data_size)
  if (sizeBytes !== null) {
    if (list !== null || (input.data ?? null) !== null) throw bad(`${label}: has both data and binary_data_size`)
    return { name, datatype, shape, data: yield* binaryData(label, { datatype, shape }, sizeBytes, reader) }
  }
  if (list === null) throw bad(`${label}: data must be a list, flat or nested, of ${count} elements`)
  if (count > elementsLeft)
    throw tooLarge(`${label}: more than ${limits.elementsMax} elements in a request (inference.elementsMax)`)
  const depthMax = limits.dimensionsMax
  const read = yield* readTensorText({ text: json, list, datatype, shape, count, depthMax })
  if ('problem' in read) throw bad(`${label}: ${read.problem}`)
  return { name, datatype, shape, data: read.data }
}

const elementsPerStep = 4096

function* binaryData(
  label: string,
  { datatype, shape }: Pick<TensorValue, 'datatype' | 'shape'>,
  sizeBytes: number,
  reader: BinaryReader,
): Generator<void, Uint8Array> {
  const count = elementCount(shape)
  const wanted = dataBytesOf(datatype, count)
  if (wanted !== null && wanted !== sizeBytes)
    throw bad(`${label}: ${datatype} of shape [${shape}] has ${wanted} bytes, binary_data_size says ${sizeBytes}`)
  const data = reader.take(sizeBytes)
  if (data === null)
    throw bad(`${label}: binary_data_size says ${sizeBytes} bytes, ${reader.leftBytes} are left behind the JSON`)
  if (wanted !== null) return data
  let found = 0
  for (const element of byteElements(data)) {
    if (element === null)
      throw bad(`${label}: element ${found} ends behind the data; each has its length in 4 bytes before it`)
    found += 1
    if (found % elementsPerStep === 0) yield
  }
  if (found !== count) throw bad(`${label}: shape [${shape}] has ${count} elements, data has ${found}`)
  return data
}

function outputsOf(
  value: Readonly<Record<string, unknown>>,
  limits: InferLimits,
): Pick<InferRequest, 'outputs' | 'isBinary'> {
  const usually = booleanAt(
    'parameters.binary_data_output',
    recordAt('parameters', value.parameters).binary_data_output,
  )
  const list = value.outputs === undefined || value.outputs === null ? [] : listAt('outputs', value.outputs, limits)
  const binary = new Map<string, boolean>()
  for (const [index, output] of list.entries()) {
    const where = `outputs[${index}]`
    if (!isRecord(output)) throw bad(`${where} must be an object with \`name\``)
    const name = nameAt(`${where}.name`, output.name, limits)
    if (binary.has(name)) throw bad(`there are two outputs named '${name}'`)
    const parameters = recordAt(`${where}.parameters`, output.parameters)
    refuseSharedMemory(where, parameters)
    if ((countAt(`${where}: classification`, parameters.classification) ?? 0) > 0)
      throw bad(`${where}: classification is not offered; leave it out and rank the scores yourself`)
    binary.set(name, booleanAt(`${where}: binary_data`, parameters.binary_data) ?? usually ?? false)
  }
  const isBinary = (output: string): boolean => binary.get(output) ?? usually ?? false
  return binary.size === 0 ? { isBinary } : { isBinary, outputs: [...binary.keys()] }
}

function refuseSharedMemory(where: string, parameters: Readonly<Record<string, unknown>>): void {
  if (parameters.shared_memory_region !== undefined)
    throw bad(`${where}: shared memory is not offered; send the data in the request`)
}
