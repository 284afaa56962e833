/**
 * Inference between nodes: one request and one answer in CBOR, tensors as raw little-endian bytes. The peer is authenticated;
 * its message is checked all the same.
 *
 *   request = {version: 1, model: 32-byte digest, name, tenant, deadlineMs | null, inputs: [tensor], outputs: [name] | null,
 *             requestId?}
 *   answer  = {version: 1, outputs: [tensor], omittedOutputs?: [name], executeMs?: number}
 *   tensor  = {name, datatype, shape, data: bytes | [text]}
 */

import type { ModelId, RequestContext } from '../../common/index.ts'
import { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed } from '../net/index.ts'
import type { Datatype, TensorValue } from '../ports/index.ts'
import { isReadableVersion, spokenVersion } from '../system/index.ts'

export interface InferMessage {
  readonly model: ModelId
  /** As the user wrote it, for logs. */
  readonly name: string
  readonly context: RequestContext
  readonly inputs: readonly TensorValue[]
  readonly outputs: readonly string[] | null
  /** Of the node that was asked first, for the logs of both. */
  readonly requestId?: string
}

export interface InferOutputs {
  readonly outputs: readonly TensorValue[]
  /** Outputs of the model that no answer can carry; empty when the request named those that it wants. */
  readonly omittedOutputs: readonly string[]
  /** For which it had a worker; absent where that is not known. */
  readonly executeMs?: number
}

const version = spokenVersion
const datatypes: ReadonlySet<string> = new Set<Datatype>([
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
  'BYTES',
])
const tensorsMax = 1024
const dimensionsMax = 32
/** Of models, tenants and requests. */
const nameLengthMax = 512
const tensorNameLengthMax = 1024

export function encodeInferRequest(message: InferMessage): Uint8Array {
  const { deadlineMs, tenant } = message.context
  return encodeCbor({
    version,
    model: Buffer.from(message.model, 'hex'),
    name: message.name,
    tenant,
    deadlineMs: Number.isFinite(deadlineMs) ? Math.max(0, Math.floor(deadlineMs)) : null,
    inputs: message.inputs,
    outputs: message.outputs,
    requestId: message.requestId,
  })
}

export function decodeInferRequest(bytes: Uint8Array): InferMessage {
  const value = decodeCbor(bytes, 'inference request')
  if (!isPlainMap(value) || !isReadableVersion(value.version))
    throw malformed('inference request', 'its version is unknown')
  const { model, name, tenant, deadlineMs, outputs, requestId } = value
  if (!isBytes(model, 32) || !isName(name) || !isName(tenant))
    throw malformed('inference request', 'a field is missing')
  if (deadlineMs !== null && !isCount(deadlineMs)) throw malformed('inference request', 'its deadline is no number')
  if (outputs !== null && !(Array.isArray(outputs) && outputs.length <= tensorsMax && outputs.every(isTensorName))) {
    throw malformed('inference request', 'its outputs are no list of names')
  }
  if (requestId !== undefined && !isName(requestId)) throw malformed('inference request', 'its id is no short text')
  return {
    model: Buffer.from(model).toString('hex'),
    name,
    context: { tenant, deadlineMs: deadlineMs ?? Number.POSITIVE_INFINITY },
    inputs: tensorsOf(value.inputs),
    outputs,
    ...(requestId === undefined ? {} : { requestId }),
  }
}

export function encodeInferAnswer({ outputs, omittedOutputs, executeMs }: InferOutputs): Uint8Array {
  return encodeCbor({ version, outputs, omittedOutputs, executeMs })
}

export function decodeInferAnswer(bytes: Uint8Array): InferOutputs {
  const value = decodeCbor(bytes, 'inference answer')
  if (!isPlainMap(value) || !isReadableVersion(value.version))
    throw malformed('inference answer', 'its version is unknown')
  const { omittedOutputs = [], executeMs } = value
  if (!Array.isArray(omittedOutputs) || omittedOutputs.length > tensorsMax || !omittedOutputs.every(isTensorName))
    throw malformed('inference answer', 'its omitted outputs are no list of names')
  if (
    executeMs !== undefined &&
    !(typeof executeMs === 'number' && executeMs >= 0 && executeMs < Number.POSITIVE_INFINITY)
  )
    throw malformed('inference answer', 'the time that it took is no number')
  return { outputs: tensorsOf(value.outputs), omittedOutputs, ...(executeMs === undefined ? {} : { executeMs }) }
}

function tensorsOf(value: unknown): TensorValue[] {
  if (!Array.isArray(value) || value.length > tensorsMax) throw malformed('tensors', 'they are no list')
  return value.map((tensor: unknown) => {
    if (!isPlainMap(tensor) || !isName(tensor.name, tensorNameLengthMax)) throw malformed('tensor', 'it has no name')
    const { name, datatype, shape, data } = tensor
    if (typeof datatype !== 'string' || !datatypes.has(datatype)) throw malformed('tensor', 'its datatype is unknown')
    if (!Array.isArray(shape) || shape.length > dimensionsMax || !shape.every(isCount)) {
      throw malformed('tensor', 'its shape is no list of sizes')
    }
    if (!isBytes(data)) throw malformed('tensor', 'its data are no bytes')
    return { name, datatype: datatype as Datatype, shape, data }
  })
}

function isName(value: unknown, lengthMax = nameLengthMax): value is string {
  return typeof value === 'string' && value.length <= lengthMax
}

function isTensorName(value: unknown): value is string {
  return isName(value, tensorNameLengthMax)
}
