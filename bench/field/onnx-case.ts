/** One case of ONNX's suite: a model, its inputs, and what ONNX Runtime alone answers. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { datatypeOfOrt, datatypeTable, fieldsOf } from '../../node/runtime/index.ts'

export interface OnnxCase {
  readonly name: string
  readonly folder: string
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly answer: Readonly<Record<string, Tensor>>
}

/** Of onnx.proto, with the runtime's name and the elements of raw data. */
const elementTypes = new Map<number, { readonly type: Tensor.Type; readonly array: ArrayType }>([
  [1, { type: 'float32', array: Float32Array }],
  [2, { type: 'uint8', array: Uint8Array }],
  [3, { type: 'int8', array: Int8Array }],
  [4, { type: 'uint16', array: Uint16Array }],
  [5, { type: 'int16', array: Int16Array }],
  [6, { type: 'int32', array: Int32Array }],
  [7, { type: 'int64', array: BigInt64Array }],
  [9, { type: 'bool', array: Uint8Array }],
  [11, { type: 'float64', array: Float64Array }],
  [12, { type: 'uint32', array: Uint32Array }],
  [13, { type: 'uint64', array: BigUint64Array }],
])
const text = 8

type ArrayType = {
  new (buffer: ArrayBuffer): ArrayBufferView
}

/** Null when ONNX Runtime does not run it alone, or when its answers are drawn. */
export async function readOnnxCase(folder: string, name: string): Promise<OnnxCase | null> {
  const data = join(folder, 'test_data_set_0')
  try {
    const session = await InferenceSession.create(join(folder, 'model.onnx'), { logSeverityLevel: 4 })
    try {
      const inputs: Record<string, Tensor> = {}
      for (const file of (await readdir(data)).filter((path) => path.startsWith('input_'))) {
        const { name: input, tensor } = tensorOf(await readFile(join(data, file)))
        inputs[input] = tensor
      }
      const outputs = session.outputMetadata.filter((output) => output.isTensor && datatypeOfOrt(output.type) !== null)
      if (outputs.length === 0) return null
      const names = outputs.map((output) => output.name)
      const answer = await session.run(inputs, names)
      const again = await session.run(inputs, names)
      // Outputs that are drawn at random differ from run to run: there is nothing to compare.
      if (!names.every((one) => isAlike(answer[one]!, asGiven(again[one]!)))) return null
      return { name, folder, inputs, answer }
    } finally {
      await session.release()
    }
  } catch {
    return null // The runtime alone does not take it: nothing is asked of the node.
  }
}

/** The request, as JSON. */
export function requestOf({ inputs }: OnnxCase): object {
  return {
    inputs: Object.entries(inputs).map(([name, tensor]) => ({
      name,
      shape: tensor.dims,
      datatype: datatypeOfOrt(tensor.type),
      data: [...(tensor.data as Iterable<unknown>)].map(jsonOf(tensor.type)),
    })),
  }
}

/** Whether an output of the node is that of ONNX Runtime, to within the rounding of another order of additions. */
export function isAlike(tensor: Tensor, given: { shape: number[]; datatype: string; data: unknown[] }): boolean {
  const row = Object.entries(datatypeTable).find(([, { ort }]) => ort === tensor.type)
  if (row?.[0] !== given.datatype || tensor.dims.join() !== given.shape.join()) return false
  const wanted = [...(tensor.data as Iterable<unknown>)].map(jsonOf(tensor.type))
  return wanted.length === given.data.length && wanted.every((value, index) => isNear(value, given.data[index]))
}

/** An answer as JSON has it; NaN, the infinities and large integers, which JSON.parse cannot tell, as texts. */
export function parseAnswer(text: string): unknown {
  const exact = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN|(?<![\w.+-])-?\d{16,}(?![\w.])/g
  return JSON.parse(text.replaceAll(exact, (token) => (token.startsWith('"') ? token : `"${token}"`)))
}

function asGiven(tensor: Tensor): { shape: number[]; datatype: string; data: unknown[] } {
  const data = [...(tensor.data as Iterable<unknown>)].map(jsonOf(tensor.type))
  return { shape: [...tensor.dims], datatype: datatypeOfOrt(tensor.type)!, data }
}

function isNear(a: unknown, b: unknown): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return String(a) === String(b)
  return Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(a))
}

/** As a request may say it: what JSON has no number for, as text. */
function jsonOf(type: Tensor.Type): (value: unknown) => unknown {
  if (type === 'bool') return (value) => Boolean(value)
  return (value) => {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  }
}

/** TensorProto. */
function tensorOf(bytes: Uint8Array): { name: string; tensor: Tensor } {
  let name = ''
  let elementType = 0
  let raw: Uint8Array = new Uint8Array(0)
  const dims: number[] = []
  const strings: string[] = []
  for (const { number, content, integer } of fieldsOf(bytes)) {
    if (number === 1 && integer !== null) dims.push(integer)
    if (number === 2) elementType = integer ?? 0
    if (number === 6 && content !== null) strings.push(Buffer.from(content).toString())
    if (number === 8 && content !== null) name = Buffer.from(content).toString()
    if (number === 9 && content !== null) raw = content
  }
  if (elementType === text) return { name, tensor: new Tensor('string', strings, dims) }
  const known = elementTypes.get(elementType)
  if (known === undefined) throw new RangeError(`element type ${elementType} is not carried`)
  const data = new known.array(new Uint8Array(raw).buffer)
  return { name, tensor: new Tensor(known.type, data as never, dims) }
}
