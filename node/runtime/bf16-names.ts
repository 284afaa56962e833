/**
 * Names of BF16 inputs and outputs in a converted model. The library has no word for BF16, so that the conversion puts a cast from and to
 * floats before and behind the model; the name tells the runtime that only BF16 numbers pass there.
 */
import type { TensorSignature } from '../ports/index.ts'

const prefix = 'holdfast.bf16:'

export function bf16Name(name: string): string {
  return prefix + name
}

/** The name in the model as it was pushed; null for one that was not renamed. */
export function nameOfBf16(inner: string): string | null {
  return inner.startsWith(prefix) ? inner.slice(prefix.length) : null
}

/** What the converted model calls it. */
export function innerName({ name, datatype }: Pick<TensorSignature, 'name' | 'datatype'>): string {
  return datatype === 'BF16' ? bf16Name(name) : name
}
