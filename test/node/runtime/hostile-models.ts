/** ONNX files of a few hundred bytes that want all of a machine. */
import { integer, message, text } from '../../../demo/models/protobuf.ts'
import { modelOf, valueInfo } from './small-models.ts'

const int64 = 7
const bool = 9
const floatBytes = 4
const graphAttribute = 5

/** `y = max(a tensor of count floats)`, which the converter folds: the count stands in the model. */
export function foldedHogModel(count: number): Uint8Array {
  const shape = message(5, [integer(1, 1), integer(2, int64), text(8, 'shape'), message(9, [[int64Bytes(count)]])])
  const one = message(5, [integer(1, 1), integer(2, 1), text(8, 'one'), message(9, [[new Uint8Array(floatBytes)]])])
  const expand = message(1, [text(1, 'one'), text(1, 'shape'), text(2, 'much'), text(4, 'Expand')])
  return modelOf([expand, ...mostOfMuch, one, shape, valueInfo(11, 'x', 1, 1), valueInfo(12, 'y', 1, 1)])
}

/** `y = x + max(a tensor of shape[0] floats)`: the count stands in the request. */
export function hogModel(): Uint8Array {
  const make = message(1, [text(1, 'shape'), text(2, 'much'), text(4, 'ConstantOfShape')])
  return modelOf([
    make,
    ...mostOfMuch,
    valueInfo(11, 'shape', int64, 1),
    valueInfo(11, 'x', 1, 1),
    valueInfo(12, 'y', 1, 1),
  ])
}

const mostOfMuch = [
  message(1, [text(1, 'much'), text(2, 'most'), text(4, 'ReduceMax'), keepNoDimension()]),
  message(1, [text(1, 'most'), text(1, 'x'), text(2, 'y'), text(4, 'Add')]),
]

/** `y = x` after as many turns of a loop as the request says. */
export function loopModel(): Uint8Array {
  const body = [
    message(1, [text(1, 'on'), text(2, 'goes_on'), text(4, 'Identity')]),
    message(1, [text(1, 'before'), text(2, 'after'), text(4, 'Identity')]),
    text(2, 'body'),
    valueInfo(11, 'turn', int64, null),
    valueInfo(11, 'on', bool, null),
    valueInfo(11, 'before', 1, 1),
    valueInfo(12, 'goes_on', bool, null),
    valueInfo(12, 'after', 1, 1),
  ]
  const attribute = message(5, [text(1, 'body'), message(6, body), integer(20, graphAttribute)])
  const inputs = [text(1, 'turns'), text(1, ''), text(1, 'x')]
  const loop = message(1, [...inputs, text(2, 'y'), text(4, 'Loop'), attribute])
  return modelOf([loop, valueInfo(11, 'turns', int64, 1), valueInfo(11, 'x', 1, 1), valueInfo(12, 'y', 1, 1)])
}

export function int64Bytes(value: number): Uint8Array {
  return new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)
}

function keepNoDimension() {
  return message(5, [text(1, 'keepdims'), integer(3, 0), integer(20, 2)])
}
