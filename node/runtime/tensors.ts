/** Tensors of the port and of ONNX Runtime, in the worker processes. Shares memory with its argument where alignment allows. */
import { Tensor } from 'onnxruntime-node'
import type { Datatype, TensorValue } from '../ports/index.ts'
import { datatypeOfOrt, datatypeTable } from './datatypes.ts'

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
} as const satisfies Record<Exclude<Datatype, 'BYTES'>, unknown>

export function ortTensorOf(value: TensorValue): Tensor {
  const dims = [...value.shape]
  if (value.datatype === 'BYTES') return new Tensor('string', value.data as string[], dims)
  const sizeBytes = datatypeTable[value.datatype].sizeBytes
  const bytes = aligned(value.data as Uint8Array, sizeBytes)
  const data = new viewOf[value.datatype](bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / sizeBytes)
  const tensor = new Tensor(datatypeTable[value.datatype].ort, data as never, dims)
  // Where there is a Float16Array the library wraps FP16 data in one, whose length its native part then takes for 0
  // (microsoft/onnxruntime#32323); it does read the Uint16Array that it is meant to.
  if (value.datatype === 'FP16') Object.defineProperty(tensor, 'data', { value: data })
  return tensor
}

export function valueOfOrtTensor(name: string, tensor: Tensor): TensorValue {
  const datatype = datatypeOfOrt(tensor.type)
  if (datatype === null)
    throw new TypeError(`output '${name}' has the type ${tensor.type}, which has no name in the protocol`)
  const shape = [...tensor.dims]
  if (tensor.type === 'string') return { name, datatype, shape, data: tensor.data as string[] }
  const { buffer, byteOffset, byteLength } = tensor.data as Float32Array
  return { name, datatype, shape, data: new Uint8Array(buffer, byteOffset, byteLength) }
}

/** A message's bytes lie wherever they happened to be in it; typed arrays want multiples of their element. */
function aligned(bytes: Uint8Array, elementSizeBytes: number): Uint8Array {
  return bytes.byteOffset % elementSizeBytes === 0 ? bytes : new Uint8Array(bytes)
}
