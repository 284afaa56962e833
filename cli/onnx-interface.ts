/**
 * The inputs and outputs of an ONNX file, from the fields of its graph that name them, without a runtime and without its weights: a
 * walk over https://github.com/onnx/onnx/blob/main/onnx/onnx.proto that skips what it does not look at.
 */

export interface OnnxPort {
  readonly name: string
  /** 'FLOAT', 'INT64', ...; null for what is no tensor. */
  readonly type: string | null
  /** A number, the name of a free dimension, or null; no shape at all is null. */
  readonly shape: readonly (number | string | null)[] | null
}

export interface OnnxInterface {
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
}

/** Exactly `sizeBytes` bytes of the file. */
export type ReadAt = (offsetBytes: number, sizeBytes: number) => Promise<Uint8Array>

/** TensorProto.DataType, by number. */
const types =
  ',FLOAT,UINT8,INT8,UINT16,INT16,INT32,INT64,STRING,BOOL,FLOAT16,DOUBLE,UINT32,UINT64,COMPLEX64,COMPLEX128,BFLOAT16,' +
  'FLOAT8E4M3FN,FLOAT8E4M3FNUZ,FLOAT8E5M2,FLOAT8E5M2FNUZ,UINT4,INT4,FLOAT4E2M1'
const typeNames = types.split(',')

const graphField = 7
const graph = { initializer: 5, input: 11, output: 12 } as const
const nameOfTensor = 8
/** Size of one read. Small fields follow each other; large ones are skipped. */
const windowBytes = 256 * 1024
/** A description of an input is some dozen bytes. */
const portBytesMax = 1024 * 1024

/** RangeError when the bytes are no ONNX model. Inputs that have an initializer are left out: callers need not give them. */
export async function readOnnxInterface(sizeBytes: number, readAt: ReadAt): Promise<OnnxInterface> {
  const file = new Windowed(sizeBytes, readAt)
  const inputs: OnnxPort[] = []
  const outputs: OnnxPort[] = []
  const initialized = new Set<string>()
  for await (const { number, at, size } of fields(file, 0, sizeBytes)) {
    if (number !== graphField || size === null) continue
    for await (const field of fields(file, at, at + size)) {
      if (field.size === null) continue
      if (field.number === graph.initializer) initialized.add(await textOf(file, field, nameOfTensor))
      if (field.number === graph.input) inputs.push(await portOf(file, field))
      if (field.number === graph.output) outputs.push(await portOf(file, field))
    }
  }
  return { inputs: inputs.filter(({ name }) => !initialized.has(name)), outputs }
}

interface Field {
  readonly number: number
  readonly at: number
  /** Of a length-delimited field; else null. */
  readonly size: number | null
  /** Of a varint field. */
  readonly value: number
}

async function* fields(file: Windowed, from: number, end: number): AsyncGenerator<Field> {
  let at = from
  while (at < end) {
    const tag = await file.varint(at)
    const number = Math.floor(tag.value / 8)
    const kind = tag.value % 8
    at = tag.end
    if (kind === 0) {
      const { value, end: after } = await file.varint(at)
      yield { number, at, size: null, value }
      at = after
    } else if (kind === 2) {
      const { value: size, end: after } = await file.varint(at)
      if (after + size > end) throw new RangeError(`field ${number} reaches beyond its message`)
      yield { number, at: after, size, value: 0 }
      at = after + size
    } else if (kind === 1 || kind === 5) {
      at += kind === 1 ? 8 : 4
    } else {
      throw new RangeError(`wire type ${kind} at byte ${at}`)
    }
  }
}

/** The last of the nested messages with that number; null without one. */
async function messageIn(file: Windowed, { at, size }: Field, number: number): Promise<Field | null> {
  let found: Field | null = null
  for await (const field of fields(file, at, at + size!)) if (field.number === number) found = field
  return found
}

async function textOf(file: Windowed, field: Field, number: number): Promise<string> {
  const found = await messageIn(file, field, number)
  if (found?.size == null) return ''
  return Buffer.from(await file.bytes(found.at, Math.min(found.size, portBytesMax))).toString('utf8')
}

/** ValueInfoProto: name 1, type 2; TypeProto: tensor 1; of it: elem_type 1, shape 2; of that: dim 1; of that: value 1, param 2. */
async function portOf(file: Windowed, port: Field): Promise<OnnxPort> {
  const name = await textOf(file, port, 1)
  const type = await messageIn(file, port, 2)
  const tensor = type && (await messageIn(file, type, 1))
  if (tensor?.size == null) return { name, type: null, shape: null }
  const element = await messageIn(file, tensor, 1)
  const shape = await messageIn(file, tensor, 2)
  return {
    name,
    type: typeNames[element?.value ?? 0] || null,
    shape: shape?.size == null ? null : await dimensionsOf(file, shape),
  }
}

async function dimensionsOf(file: Windowed, shape: Field): Promise<(number | string | null)[]> {
  const dimensions: (number | string | null)[] = []
  for await (const dimension of fields(file, shape.at, shape.at + shape.size!)) {
    if (dimension.number !== 1 || dimension.size === null) continue
    const value = await messageIn(file, dimension, 1)
    dimensions.push(value !== null ? value.value : (await textOf(file, dimension, 2)) || null)
  }
  return dimensions
}

/** Reads the file in windows, so that small fields cost no request each. */
class Windowed {
  private readonly sizeBytes: number
  private readonly readAt: ReadAt
  private startBytes = 0
  private window: Uint8Array = new Uint8Array()

  constructor(sizeBytes: number, readAt: ReadAt) {
    this.sizeBytes = sizeBytes
    this.readAt = readAt
  }

  async bytes(at: number, size: number): Promise<Uint8Array> {
    if (at + size > this.sizeBytes) throw new RangeError('the file ends within a field')
    if (at < this.startBytes || at + size > this.startBytes + this.window.length) {
      const wanted = Math.min(this.sizeBytes - at, Math.max(size, windowBytes))
      this.window = await this.readAt(at, wanted)
      this.startBytes = at
    }
    return this.window.subarray(at - this.startBytes, at - this.startBytes + size)
  }

  async varint(at: number): Promise<{ value: number; end: number }> {
    const bytes = await this.bytes(at, Math.min(10, this.sizeBytes - at))
    let value = 0
    for (let i = 0, scale = 1; i < bytes.length; i++, scale *= 128) {
      value += (bytes[i]! % 128) * scale
      if (bytes[i]! < 128) return { value, end: at + i + 1 }
    }
    throw new RangeError(`a number at byte ${at} has no end`)
  }
}
