import { expect, test } from 'vitest'
import { batchOf } from '../../../node/requests/batch-of.ts'

test.each([
  ['of one input', [[4, 3, 32, 32]], 4],
  ['that all inputs have', [[4, 3], [4]], 4],
  [
    'is one where inputs differ',
    [
      [4, 3],
      [5, 3],
    ],
    1,
  ],
  ['is one of a scalar', [[]], 1],
  ['is one of a scalar beside a batch', [[], [4]], 1],
  ['is one of nothing', [], 1],
  ['is one of an empty tensor', [[0, 3]], 1],
] as const)('a batch %s', (_, shapes, batch) => {
  expect(batchOf(shapes.map((shape) => ({ shape })))).toBe(batch)
})
