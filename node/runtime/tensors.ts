/** Tensors of the protocol and of ONNX Runtime, in the worker processes. Shares memory with its argument where alignment allows. */
import { isUtf8 } from 'node:buffer'
import { Tensor } from 'onnxruntime-node'
import { HoldfastError } from '../../common/index.ts'
import type { Datatype, TensorValue } from '../ports/index.ts'
import { bf16OfFloats, floatsOfBf16 } from './bf16.ts'
import { byteElements, encodeElements } from './byte-elements.ts'
import { datatypeOfOrt, datatypeTable, elementCount } from './datatypes.ts'

const viewOf = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Record<Exclude<Datatype, 'BYTES' | 'BF16'>, unknown>

/** INFERENCE_FAILED for text that the runtime would not get as it is, and for truth values that are neither 0 nor 1. */
export function ortTensorOf(value: TensorValue): Tensor {
  const dims = [...value.shape]
  if (value.datatype === 'BYTES') return new Tensor('string', textsOf(value), dims)
  // The library has no word for BF16: see bf16-model.ts.
  if (value.datatype === 'BF16') return new Tensor('float32', floatsOfBf16(value.data), dims)
  if (value.datatype === 'BOOL') checkTruths(value)
  const sizeBytes = datatypeTable[value.datatype].sizeBytes
  const bytes = aligned(value.data, sizeBytes)
  const data = new viewOf[value.datatype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / sizeBytes)
  const tensor = new Tensor(datatypeTable[value.datatype].ort, data as never, dims)
  // Where there is a Float16Array the library wraps FP16 data in one, whose length its native part then takes for 0
  // (microsoft/onnxruntime#32323); it does read the Uint16Array that it is meant to.
  if (value.datatype === 'FP16') Object.defineProperty(tensor, 'data', { value: data })
  return tensor
}

/** `datatype`: BF16 where the model has that, and the library makes floats of it. */
export function valueOfOrtTensor(name: string, tensor: Tensor, datatype = datatypeOfOrt(tensor.type)): TensorValue {
  if (datatype === null)
    throw new TypeError(`output '${name}' has the type ${tensor.type}, which has no name in the protocol`)
  const shape = [...tensor.dims]
  if (tensor.type === 'string') return { name, datatype, shape, data: encodeElements(tensor.data as string[]) }
  if (datatype === 'BF16') return { name, datatype, shape, data: bf16OfFloats(tensor.data as Float32Array) }
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array
  return { name, datatype, shape, data: new Uint8Array(buffer, byteOffset, byteLength) }
}

/** The library ends a text at its first NUL and replaces bytes that are no UTF-8: better refused than changed. */
function textsOf({ name, shape, data }: TensorValue): string[] {
  const texts: string[] = []
  for (const element of byteElements(data)) {
    if (element === null) throw refuse(`element ${texts.length} of input '${name}' ends behind its data`)
    if (element.includes(0))
      throw refuse(`element ${texts.length} of input '${name}' has a NUL, at which the runtime ends a text`)
    if (!isUtf8(element))
      throw refuse(`element ${texts.length} of input '${name}' is not UTF-8, and the runtime takes text alone`)
    texts.push(Buffer.from(element.buffer, element.byteOffset, element.byteLength).toString('utf8'))
  }
  const count = elementCount(shape)
  if (texts.length !== count)
    throw refuse(`input '${name}' of shape [${shape}] needs ${count} strings of data, not ${texts.length}`)
  return texts
}

/** The library reads each byte as a C++ bool, of which compilers take it that it is 0 or 1: with another one answers are arbitrary. */
function checkTruths({ name, data }: TensorValue): void {
  const wrong = data.findIndex((byte) => byte > 1)
  if (wrong !== -1) throw refuse(`element ${wrong} of input '${name}' is the byte ${data[wrong]}; a BOOL is 0 or 1`)
}

function refuse(why: string): HoldfastError {
  return new HoldfastError('INFERENCE_FAILED', `${why.charAt(0).toUpperCase()}${why.slice(1)}.`)
}

/** A message's bytes lie wherever they happened to be in it; typed arrays want multiples of their element. */
function aligned(bytes: Uint8Array, elementSizeBytes: number): Uint8Array {
  return bytes.byteOffset % elementSizeBytes === 0 ? bytes : new Uint8Array(bytes)
}
