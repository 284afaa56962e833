/**
 * Elements of tensors as JSON text, in pieces of a few thousand. Numbers are written in full: floats as the double that they are, 64-bit
 * integers with all their digits, and what is no number as NaN, Infinity and -Infinity, as Python's json and Triton write them.
 */
import { getFloat16 } from '@petamoriken/float16'
import type { Datatype, TensorValue } from '../../ports/index.ts'
import { byteElements, datatypeTable, floatsOfBf16 } from '../../runtime/index.ts'

/** Some milliseconds of work, as a double takes a microsecond. */
export const elementsPerPiece = 4096

/** Elements with commas between them; the pieces joined are the inside of a list. */
export function* elementTexts({ datatype, data }: Pick<TensorValue, 'datatype' | 'data'>): Generator<string, void> {
  if (datatype === 'BYTES') return yield* byteTexts(data)
  const pieceBytes = elementsPerPiece * datatypeTable[datatype].sizeBytes
  for (let at = 0; at < data.byteLength; at += pieceBytes) {
    const text = numberTexts(datatype, data.slice(at, at + pieceBytes))
    yield at === 0 ? text : `,${text}`
  }
}

function* byteTexts(data: Uint8Array): Generator<string, void> {
  let piece: string[] = []
  let isFirst = true
  for (const element of byteElements(data)) {
    // A tensor that the runtime made is whole.
    piece.push(JSON.stringify(Buffer.from(element!.buffer, element!.byteOffset, element!.byteLength).toString('utf8')))
    if (piece.length < elementsPerPiece) continue
    yield isFirst ? piece.join(',') : `,${piece.join(',')}`
    isFirst = false
    piece = []
  }
  if (piece.length > 0) yield isFirst ? piece.join(',') : `,${piece.join(',')}`
}

/** `bytes` are a copy, which begins at the start of its buffer: typed arrays want multiples of their element. */
function numberTexts(datatype: Exclude<Datatype, 'BYTES'>, bytes: Uint8Array): string {
  const { buffer } = bytes
  switch (datatype) {
    case 'BOOL':
      return Array.from(bytes, (byte) => byte !== 0).join(',')
    case 'UINT8':
      return bytes.join(',')
    case 'UINT16':
      return new Uint16Array(buffer).join(',')
    case 'UINT32':
      return new Uint32Array(buffer).join(',')
    case 'UINT64':
      return new BigUint64Array(buffer).join(',')
    case 'INT8':
      return new Int8Array(buffer).join(',')
    case 'INT16':
      return new Int16Array(buffer).join(',')
    case 'INT32':
      return new Int32Array(buffer).join(',')
    case 'INT64':
      return new BigInt64Array(buffer).join(',')
    case 'FP16': {
      const view = new DataView(buffer)
      return floatTexts(
        Float32Array.from({ length: bytes.byteLength / 2 }, (_, index) => getFloat16(view, 2 * index, true)),
      )
    }
    case 'BF16':
      return floatTexts(floatsOfBf16(bytes))
    case 'FP32':
      return floatTexts(new Float32Array(buffer))
    case 'FP64':
      return floatTexts(new Float64Array(buffer))
  }
}

/** join() writes the zero below zero as 0, and a Python that reads -0 makes an integer of it. */
function floatTexts(floats: Float32Array | Float64Array): string {
  const hasNegativeZero = floats.some((value) => Object.is(value, -0))
  if (!hasNegativeZero) return floats.join(',')
  return Array.from(floats, (value) => (Object.is(value, -0) ? '-0.0' : String(value))).join(',')
}
