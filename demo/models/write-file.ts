/**
 * Writes a planned file in bounded memory: two buffers, one being filled while the other is on its way to the disk.
 * It also tells whether a file on disk is the planned one, by its size, all of its fixed bytes and the head of each tensor;
 * as files appear by rename only, that needs no stamp beside them which a push would take along.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { isWeights, type Piece, sizeOfPiece, sizeOfPieces } from './pieces.ts'
import { WeightsReader } from './weights.ts'

/** Large enough that a system call does not show, small enough that filling one (3 ms) does not stall an event loop. */
const bufferSizeBytes = 4 * 1024 * 1024
/** A multiple of each unit of weights that the check can afford to read for each tensor. */
const headSizeBytes = 136

export interface WriteOptions {
  readonly seed: number
  readonly signal?: AbortSignal | undefined
  /** Called with the size of each buffer that reached the file. */
  readonly onWritten?: ((sizeBytes: number) => void) | undefined
}

/** Fails when the file exists: the caller chooses a fresh name and renames. */
export async function writePieces(path: string, pieces: readonly Piece[], options: WriteOptions): Promise<void> {
  const file = await open(path, 'wx')
  let pending: Promise<void> = Promise.resolve()
  try {
    for (const buffer of buffersOf(pieces, options.seed)) {
      options.signal?.throwIfAborted()
      await pending
      pending = writeWhole(file, buffer).then(() => options.onWritten?.(buffer.byteLength))
      pending.catch(() => {}) // awaited in the next round or below; this only keeps it from counting as unhandled
    }
    await pending
  } finally {
    await pending.catch(() => {})
    await file.close()
  }
}

/** False when there is no such file, or another one. */
export async function holdsPieces(path: string, pieces: readonly Piece[], seed: number): Promise<boolean> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  try {
    if ((await file.stat()).size !== sizeOfPieces(pieces)) return false
    let offset = 0
    for (const piece of pieces) {
      const expected = isWeights(piece) ? headOf(piece, seed) : piece
      const actual = Buffer.alloc(expected.byteLength)
      await file.read(actual, 0, actual.byteLength, offset)
      if (!actual.equals(expected)) return false
      offset += sizeOfPiece(piece)
    }
    return true
  } finally {
    await file.close()
  }
}

function headOf(piece: Exclude<Piece, Uint8Array>, seed: number): Uint8Array {
  const head = new Uint8Array(Math.min(headSizeBytes, piece.sizeBytes))
  const sizeBytes = new WeightsReader(piece, seed).read(head)
  return head.subarray(0, sizeBytes)
}

/** Two buffers in turns: the one that was yielded may be read until the next but one is asked for. */
function* buffersOf(pieces: readonly Piece[], seed: number): Generator<Uint8Array> {
  const buffers = [new Uint8Array(bufferSizeBytes), new Uint8Array(bufferSizeBytes)] as const
  let turn: 0 | 1 = 0
  let used = 0
  const take = (): Uint8Array => {
    const full = buffers[turn].subarray(0, used)
    turn = turn === 0 ? 1 : 0
    used = 0
    return full
  }
  for (const piece of pieces) {
    const reader = isWeights(piece) ? new WeightsReader(piece, seed) : null
    const sizeBytes = sizeOfPiece(piece)
    let done = 0
    while (done < sizeBytes) {
      // Elements are written in place, so a tensor starts where its elements are aligned: in a buffer of its own.
      if (used > 0 && (used === bufferSizeBytes || (reader && used % 4 !== 0))) yield take()
      const target = buffers[turn].subarray(used, used + Math.min(bufferSizeBytes - used, sizeBytes - done))
      const written = reader ? reader.read(target) : copy(piece as Uint8Array, done, target)
      if (written === 0) {
        yield take() // less room than one unit
        continue
      }
      used += written
      done += written
    }
  }
  if (used > 0) yield take()
}

function copy(source: Uint8Array, from: number, target: Uint8Array): number {
  target.set(source.subarray(from, from + target.byteLength))
  return target.byteLength
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) done += (await file.write(bytes, done)).bytesWritten
}
