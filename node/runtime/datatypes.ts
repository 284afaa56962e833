/** The datatypes of the Open Inference Protocol V2: their size, and what ONNX Runtime calls them. */
import type { Datatype } from '../ports/index.ts'

/** Type names of onnxruntime-node; kept as text so that nothing but the worker processes loads that library. */
export type OrtType =
  | 'bool'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'string'

interface DatatypeRow {
  readonly ort: OrtType
  /** Of one element; 0 for BYTES, whose elements have lengths of their own. */
  readonly sizeBytes: 0 | 1 | 2 | 4 | 8
}

export const datatypeTable = {
  BOOL: { ort: 'bool', sizeBytes: 1 },
  UINT8: { ort: 'uint8', sizeBytes: 1 },
  UINT16: { ort: 'uint16', sizeBytes: 2 },
  UINT32: { ort: 'uint32', sizeBytes: 4 },
  UINT64: { ort: 'uint64', sizeBytes: 8 },
  INT8: { ort: 'int8', sizeBytes: 1 },
  INT16: { ort: 'int16', sizeBytes: 2 },
  INT32: { ort: 'int32', sizeBytes: 4 },
  INT64: { ort: 'int64', sizeBytes: 8 },
  FP16: { ort: 'float16', sizeBytes: 2 },
  BF16: { ort: 'bfloat16', sizeBytes: 2 },
  FP32: { ort: 'float32', sizeBytes: 4 },
  FP64: { ort: 'float64', sizeBytes: 8 },
  BYTES: { ort: 'string', sizeBytes: 0 },
} as const satisfies Record<Datatype, DatatypeRow>

export function isDatatype(text: unknown): text is Datatype {
  return typeof text === 'string' && Object.hasOwn(datatypeTable, text)
}

/** null for the types that the protocol has no word for: 4-bit integers, 8-bit floats. */
export function datatypeOfOrt(type: string): Datatype | null {
  for (const [datatype, row] of Object.entries(datatypeTable)) if (row.ort === type) return datatype as Datatype
  return null
}

/** Product of the dimensions; NaN when one is not a non-negative integer or the product is not exact. */
export function elementCount(shape: readonly number[]): number {
  let count = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return Number.NaN
    count *= size
  }
  return Number.isSafeInteger(count) ? count : Number.NaN
}
