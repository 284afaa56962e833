/** How many inputs a request has at once, as far as its shapes tell: the first dimension, where all inputs have the same. */
import type { TensorValue } from '../ports/index.ts'

/** 1 when it cannot be told. A model without a batch dimension always gets the same number, which does no harm. */
export function batchOf(inputs: readonly Pick<TensorValue, 'shape'>[]): number {
  const [first, ...others] = inputs.map(({ shape }) => shape[0] ?? 1)
  return first !== undefined && first > 0 && others.every((batch) => batch === first) ? first : 1
}
