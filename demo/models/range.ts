/** A model without weights whose answer is as long as the request asks for: the floats from `start` below `limit`, `delta` apart. */
import type { Piece } from './pieces.ts'
import { type Field, integer, mergePieces, message, text } from './protobuf.ts'

const float32 = 1
const inputs = ['start', 'limit', 'delta']

export function buildRange(): Piece[] {
  const node = message(1, [...inputs.map((name) => text(1, name)), text(2, 'values'), text(4, 'Range')])
  const values = inputs.map((name) => valueInfo(11, name, []))
  const graph = [node, text(2, 'range'), ...values, valueInfo(12, 'values', [text(2, 'N')])]
  return mergePieces([integer(1, 8), message(7, graph), message(8, [text(1, ''), integer(2, 17)])].flat())
}

/** ValueInfoProto of floats; a scalar without dimensions. */
function valueInfo(field: number, name: string, dimensions: readonly Field[]): Field {
  const shape = message(
    2,
    dimensions.map((dimension) => message(1, [dimension])),
  )
  return message(field, [text(1, name), message(2, [message(1, [integer(1, float32), shape])])])
}
