/**
 * Where the chunks of a run come from: a file of this machine, from which native threads copy them, or a store elsewhere, whose answer goes
 * into memory that is used again. Nothing of what comes is trusted: a chunk is written when it has the right sha256.
 */
import type { FileHandle } from 'node:fs/promises'
import { HoldfastError, type ModelId, type Sha256 } from '../../common/index.ts'
import type { FilePlace, FileWork } from '../../native/index.ts'
import type { SpareBuffers } from '../bytes/spare-buffers.ts'
import type { Origin } from '../origin.ts'
import type { PlacedChunk, Run } from './read-plan.ts'
import { runBytes } from './read-plan.ts'

export interface RunTarget {
  readonly work: FileWork
  readonly placeOf: (chunk: PlacedChunk) => FilePlace
  /** A chunk lies in its place. */
  readonly onChunk: (sizeBytes: number, kept: boolean) => void
  readonly signal: AbortSignal | undefined
}

/** Writes the chunks of a run to their places. The first that has other bytes, and those after it are not written; null when all are. */
export type WriteRun = (run: Run, target: RunTarget) => Promise<PlacedChunk | null>

/** A smaller run is read as fast by the store itself. */
const openedBytesMin = 256 * 1024

/** From the origin. A large run of a store on this machine never passes through JavaScript. */
export function originRuns(origin: Origin, model: ModelId, file: Sha256, buffers: SpareBuffers): WriteRun {
  return async (run, target) => {
    const [{ offsetBytes }] = run
    const sizeBytes = runBytes(run)
    const abort = target.signal === undefined ? {} : { signal: target.signal }
    const isLarge = sizeBytes >= openedBytesMin
    const opened = isLarge ? await origin.openRange(model, file, { offsetBytes, sizeBytes }, abort) : null
    if (opened === null) {
      const bytes = buffers.take(sizeBytes)
      await origin.readInto(model, file, offsetBytes, bytes, abort)
      const wrong = await writeBytes(run, bytes, target)
      // After a failure it may still be in use.
      buffers.giveBack(bytes)
      return wrong
    }
    try {
      return await writeFrom(opened.handle, opened.offsetBytes - offsetBytes, run, target, opened.truncated)
    } finally {
      await opened.handle.close()
    }
  }
}

/** Content that lies in the destination already, under another name. */
export function localRuns(handle: FileHandle): WriteRun {
  // It has changed since it was placed.
  return (run, target) => writeFrom(handle, 0, run, { ...target, onChunk: (size) => target.onChunk(size, true) }, gone)
}

async function writeFrom(
  { fd }: FileHandle,
  shiftBytes: number,
  run: Run,
  { work, placeOf, onChunk }: RunTarget,
  onShort: () => HoldfastError,
): Promise<PlacedChunk | null> {
  for (const chunk of run) {
    const { sizeBytes, sha256 } = chunk
    const from = { fd, offsetBytes: chunk.offsetBytes + shiftBytes, sizeBytes }
    const result = await work.copyVerified(from, sha256, placeOf(chunk))
    if (result === 'short') throw onShort()
    if (result === 'mismatch') return chunk
    onChunk(sizeBytes, false)
  }
  return null
}

async function writeBytes(
  run: Run,
  bytes: Uint8Array,
  { work, placeOf, onChunk }: RunTarget,
): Promise<PlacedChunk | null> {
  const [{ offsetBytes: startBytes }] = run
  for (const chunk of run) {
    const at = chunk.offsetBytes - startBytes
    const part = bytes.subarray(at, at + chunk.sizeBytes)
    if (!(await work.writeVerified(part, chunk.sha256, placeOf(chunk)))) return chunk
    onChunk(chunk.sizeBytes, false)
  }
  return null
}

function gone(): HoldfastError {
  return new HoldfastError(
    'DIGEST_MISMATCH',
    'A file of the destination was cut short while it was copied. Pull again.',
  )
}
