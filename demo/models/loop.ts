/**
 * A graph of a few hundred bytes whose Loop has neither a count nor a condition that ends it: a model that never answers, for benches and
 * tests of what a node does about it. Vector [N] to [N].
 */
import type { Piece } from './pieces.ts'
import { type Field, integer, mergePieces, message, text } from './protobuf.ts'

const [float32, int64, bool] = [1, 7, 9]
const [graphAttribute, intAttribute] = [5, 2]

export function endlessLoop(): Piece[] {
  const body = [
    node('Identity', ['more'], ['more_on']),
    node('Identity', ['carried'], ['carried_on']),
    text(2, 'body'),
    value(11, 'turn', int64, []),
    value(11, 'more', bool, []),
    value(11, 'carried', float32, ['N']),
    value(12, 'more_on', bool, []),
    value(12, 'carried_on', float32, ['N']),
  ]
  const loopBody = message(5, [text(1, 'body'), message(6, body), integer(20, graphAttribute)])
  const graph = [
    node('Loop', ['', '', 'vector'], ['looped'], [loopBody]),
    node(
      'Softmax',
      ['looped'],
      ['probabilities'],
      [message(5, [text(1, 'axis'), integer(3, 0), integer(20, intAttribute)])],
    ),
    text(2, 'endless'),
    value(11, 'vector', float32, ['N']),
    value(12, 'probabilities', float32, ['N']),
  ]
  const operators = message(8, [text(1, ''), integer(2, 17)])
  return mergePieces([integer(1, 8), text(2, 'holdfast'), message(7, graph), operators].flat())
}

function node(type: string, inputs: string[], outputs: string[], attributes: readonly Field[] = []): Field {
  const ends = [...inputs.map((input) => text(1, input)), ...outputs.map((output) => text(2, output))]
  return message(1, [...ends, text(3, outputs[0]!), text(4, type), ...attributes])
}

function value(field: number, name: string, type: number, shape: readonly string[]): Field {
  const dims = shape.map((symbol) => message(1, [text(2, symbol)]))
  return message(field, [text(1, name), message(2, [message(1, [integer(1, type), message(2, dims)])])])
}
