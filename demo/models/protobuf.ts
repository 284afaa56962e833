/**
 * The encoder side of protocol buffers, as little of it as ONNX needs, over pieces instead of bytes: a message's length is
 * known from its pieces, so half a gigabyte of weights inside nested messages is never in memory.
 * https://protobuf.dev/programming-guides/encoding/
 */
import { type Piece, sizeOfPieces } from './pieces.ts'

export type Field = readonly Piece[]

export function integer(field: number, value: number): Field {
  return [Uint8Array.from([...varint(field * 8), ...varint(value)])]
}

export function float(field: number, value: number): Field {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return [Uint8Array.from([...varint(field * 8 + 5), ...bytes])]
}

export function text(field: number, value: string): Field {
  return message(field, [[Buffer.from(value)]])
}

/** A length-delimited field: a nested message, or raw bytes when there is one field of one piece. */
export function message(field: number, fields: readonly Field[]): Field {
  const pieces = fields.flat()
  return [Uint8Array.from([...varint(field * 8 + 2), ...varint(sizeOfPieces(pieces))]), ...pieces]
}

/** Neighbouring bytes become one piece. */
export function mergePieces(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = []
  let run: Uint8Array[] = []
  const endRun = (): void => {
    if (run.length > 0) merged.push(Buffer.concat(run))
    run = []
  }
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) {
      run.push(piece)
    } else {
      endRun()
      merged.push(piece)
    }
  }
  endRun()
  return merged
}

/** Non-negative, below 2^53. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return bytes
}
