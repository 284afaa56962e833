/**
 * A file as a plan: bytes that are there and weights that are made while it is written. Its size is known before the first
 * byte, and two plans of one seed give the same file.
 */
import type { Weights } from './weights.ts'

export type Piece = Uint8Array | Weights

export interface PlannedFile {
  /** Relative to the model's folder. */
  readonly path: string
  readonly pieces: readonly Piece[]
}

export function isWeights(piece: Piece): piece is Weights {
  return !(piece instanceof Uint8Array)
}

export function sizeOfPiece(piece: Piece): number {
  return isWeights(piece) ? piece.sizeBytes : piece.byteLength
}

export function sizeOfPieces(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + sizeOfPiece(piece), 0)
}

export function jsonFile(path: string, value: unknown): PlannedFile {
  return { path, pieces: [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)] }
}
