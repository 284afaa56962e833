/** ONNX files of one node, written field by field: identities of each type, and a sum whose weights lie in a file beside it. */
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

function modelOf(graph: readonly Field[]): Uint8Array {
  const fields = [integer(1, 8), message(7, [...graph, text(2, 'small')]), message(8, [text(1, ''), integer(2, 17)])]
  return Buffer.concat(fields.flat().map((piece: Piece) => piece as Uint8Array))
}

function valueInfo(field: number, name: string, elementType: number, size?: number): Field {
  const dimension = message(1, [size === undefined ? text(2, 'N') : integer(1, size)])
  return message(field, [text(1, name), message(2, [message(1, [integer(1, elementType), message(2, [dimension])])])])
}
