/** What every weight format must give: a table of tensors that lie apart and inside the file. */
import { HoldfastError } from '../../common/index.ts'
import type { Tensor } from '../types.ts'

export interface HeaderLimits {
  /** Bytes before the first tensor: GGUF files carry vocabularies of some 20 MB. */
  readonly headerBytesMax: number
  /** The JSON of a safetensors file, as the safetensors library has it. */
  readonly safetensorsJsonBytesMax: number
  readonly tensorsMax: number
  readonly rankMax: number
  /** Of UTF-8. */
  readonly nameBytesMax: number
}

export const defaultHeaderLimits: HeaderLimits = {
  headerBytesMax: 128 * 1024 * 1024,
  safetensorsJsonBytesMax: 100_000_000,
  tensorsMax: 500_000,
  rankMax: 16,
  nameBytesMax: 1024,
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

/** Sorts by offset and checks that no two tensors share a name or a byte, none begins in the header and none passes the end. */
export function checkedTensorTable(
  tensors: readonly Tensor[],
  bounds: { readonly dataOffsetBytes: number; readonly fileSizeBytes: number },
): Tensor[] {
  const sorted = tensors.toSorted((a, b) => a.offsetBytes - b.offsetBytes || a.sizeBytes - b.sizeBytes)
  const names = new Set<string>()
  let endBytes = bounds.dataOffsetBytes
  for (const tensor of sorted) {
    if (names.has(tensor.name)) throw badModelFile(`the tensor ${shown(tensor.name)} occurs twice`)
    names.add(tensor.name)
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
