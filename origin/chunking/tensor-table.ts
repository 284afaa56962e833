/** What every weight format must give: a table of tensors that lie apart and inside the file. */
import { HoldfastError } from '../../common/index.ts'
import type { Tensor } from '../types.ts'

export interface HeaderLimits {
  /** Bytes before the first tensor. The safetensors library stops at 100 MB; GGUF files carry vocabularies of some 20 MB. */
  readonly headerBytesMax: number
  readonly tensorsMax: number
  readonly rankMax: number
  readonly nameLengthMax: number
}

export const defaultHeaderLimits: HeaderLimits = {
  headerBytesMax: 128 * 1024 * 1024,
  tensorsMax: 500_000,
  rankMax: 16,
  nameLengthMax: 1024,
}

/** Product of the dimensions; null when it leaves the integers that a double holds. */
export function elementCount(shape: readonly number[]): number | null {
  let count = 1
  // A zero anywhere makes the product zero, whatever the other dimensions are.
  if (shape.includes(0)) return 0
  for (const dimension of shape) {
    count *= dimension
    if (!Number.isSafeInteger(count)) return null
  }
  return count
}

/** Sorts by offset and checks that no two tensors share a byte, none begins in the header and none passes the end. */
export function checkedTensorTable(
  tensors: readonly Tensor[],
  bounds: { readonly dataOffsetBytes: number; readonly fileSizeBytes: number },
): Tensor[] {
  const sorted = tensors.toSorted((a, b) => a.offsetBytes - b.offsetBytes || a.sizeBytes - b.sizeBytes)
  let endBytes = bounds.dataOffsetBytes
  for (const tensor of sorted) {
    if (tensor.offsetBytes < endBytes)
      throw badModelFile(`the tensor ${shown(tensor.name)} overlaps what lies before it`)
    endBytes = tensor.offsetBytes + tensor.sizeBytes
    if (!(endBytes <= bounds.fileSizeBytes)) {
      throw badModelFile(
        `the tensor ${shown(tensor.name)} ends at byte ${endBytes}, the file at ${bounds.fileSizeBytes}`,
      )
    }
  }
  return sorted
}

export function badModelFile(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('BAD_MODEL_FILE', `Malformed header: ${why}`, cause === undefined ? {} : { cause })
}

export const shown = (name: string): string => JSON.stringify(name.slice(0, 120))
