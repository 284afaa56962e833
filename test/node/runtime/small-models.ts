/** ONNX files of a node or two, written field by field. */
import type { Piece } from '../../../demo/models/pieces.ts'
import { type Field, integer, message, text } from '../../../demo/models/protobuf.ts'

/** `in -> Identity -> out` for each element type, as [N]. */
export function identityModel(types: readonly { readonly name: string; readonly elementType: number }[]): Uint8Array {
  return modelOf([
    ...types.map(({ name }) => message(1, [text(1, name), text(2, `${name}_out`), text(4, 'Identity')])),
    ...types.map(({ name, elementType }) => valueInfo(11, name, elementType)),
    ...types.map(({ name, elementType }) => valueInfo(12, `${name}_out`, elementType)),
  ])
}

/** `sum = x + weights`, 1024 weights outside of the model's file. */
export function externalDataModel(location: string): { model: Uint8Array; data: Buffer } {
  const data = Buffer.from(new Float32Array(1024).map((_, index) => index + 0.5).buffer)
  const weights = message(5, [
    integer(1, 1024),
    integer(2, 1),
    text(8, 'weights'),
    message(13, [text(1, 'location'), text(2, location)]),
    integer(14, 1),
  ])
  const add = message(1, [text(1, 'x'), text(1, 'weights'), text(2, 'sum'), text(4, 'Add')])
  return { model: modelOf([add, weights, valueInfo(11, 'x', 1, 1024), valueInfo(12, 'sum', 1, 1024)]), data }
}

/** As exporters of the first years wrote: IR 3, every weight an input too. `y = x * (a + b)`, of which the runtime folds the sum. */
export function oldExporterModel(): Uint8Array {
  const weight = (name: string) =>
    message(5, [
      integer(1, 4),
      integer(2, 1),
      text(8, name),
      message(9, [[Buffer.from(new Float32Array(4).fill(1).buffer)]]),
    ])
  const graph = [
    message(1, [text(1, 'a'), text(1, 'b'), text(2, 'c'), text(4, 'Add')]),
    message(1, [text(1, 'x'), text(1, 'c'), text(2, 'y'), text(4, 'Mul')]),
    weight('a'),
    weight('b'),
    ...['x', 'a', 'b'].map((name) => valueInfo(11, name, 1, 4)),
    valueInfo(12, 'y', 1, 4),
  ]
  return modelOf(graph, { ir: 3, opset: 8 })
}

/** `y = x + 0.5 * w`, w of four 4-bit integers, which the ORT format cannot hold: 1, 2, 1, 2. */
export function int4Model(location: string | null = null): { model: Uint8Array; data: Buffer } {
  const data = Buffer.from([0x21, 0x21])
  const bytes =
    location === null ? [message(9, [[data]])] : [message(13, [text(1, 'location'), text(2, location)]), integer(14, 1)]
  const scale = message(9, [[Buffer.from(new Float32Array([0.5]).buffer)]])
  const graph = [
    message(1, [text(1, 'w'), text(1, 's'), text(2, 'f'), text(4, 'DequantizeLinear')]),
    message(1, [text(1, 'x'), text(1, 'f'), text(2, 'y'), text(4, 'Add')]),
    message(5, [integer(1, 4), integer(2, int4), text(8, 'w'), ...bytes]),
    message(5, [integer(2, 1), text(8, 's'), scale]),
    valueInfo(11, 'x', 1, 4),
    valueInfo(12, 'y', 1, 4),
  ]
  return { model: modelOf(graph, { ir: 10, opset: 21 }), data }
}

/** A tensor beside a sequence: `y = x`, `s = [x, x]`; without the tensor when asked. */
export function sequenceModel({ hasTensor = true } = {}): Uint8Array {
  const elements = message(1, [integer(1, 1), message(2, [message(1, [integer(1, 4)])])])
  const sequence = message(4, [message(1, [elements])])
  return modelOf([
    message(1, [text(1, 'x'), text(1, 'x'), text(2, 's'), text(4, 'SequenceConstruct')]),
    message(1, [text(1, 'x'), text(2, 'y'), text(4, 'Identity')]),
    valueInfo(11, 'x', 1, 4),
    ...(hasTensor ? [valueInfo(12, 'y', 1, 4)] : []),
    message(12, [text(1, 's'), message(2, [sequence])]),
  ])
}

/** `y = operator(x)` with four elements of a type. */
export function operatorModel(operator: string, versions: Versions & { elementType?: number } = {}): Uint8Array {
  const { elementType = 1 } = versions
  const node = message(1, [text(1, 'x'), text(2, 'y'), text(4, operator)])
  return modelOf([node, valueInfo(11, 'x', elementType, 4), valueInfo(12, 'y', elementType, 4)], versions)
}

interface Versions {
  readonly ir?: number
  readonly opset?: number
}

/** ONNX's number of the type. */
const int4 = 22

export function modelOf(graph: readonly Field[], { ir = 8, opset = 17 }: Versions = {}): Uint8Array {
  const fields = [
    integer(1, ir),
    message(7, [...graph, text(2, 'small')]),
    message(8, [text(1, ''), integer(2, opset)]),
  ]
  return Buffer.concat(fields.flat().map((piece: Piece) => piece as Uint8Array))
}

/** @param size of the one dimension; null: a scalar. */
export function valueInfo(field: number, name: string, elementType: number, size?: number | null): Field {
  const dimensions = size === null ? [] : [message(1, [size === undefined ? text(2, 'N') : integer(1, size)])]
  return message(field, [text(1, name), message(2, [message(1, [integer(1, elementType), message(2, dimensions)])])])
}
