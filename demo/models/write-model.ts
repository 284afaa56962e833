/**
 * Writes planned files into a folder so that a model is there whole or not at all: every file under a temporary name first,
 * then renamed. Files that are already the planned ones are left alone. What a killed process left behind is removed by the
 * next one that writes to the folder.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type PlannedFile, sizeOfPieces } from './pieces.ts'
import { holdsPieces, writePieces } from './write-file.ts'

export interface WriteModelOptions {
  /** The same seed gives the same bytes. */
  readonly seed?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
}

export interface WrittenModel {
  /** Full paths, in the order of the plan. */
  readonly files: readonly string[]
  readonly sizeBytes: number
  /** Bytes that were written now; 0 when everything was there. */
  readonly writtenBytes: number
}

export const defaultSeed = 1

export async function writeModel(
  plan: readonly PlannedFile[],
  folder: string,
  options: WriteModelOptions = {},
): Promise<WrittenModel> {
  const { seed = defaultSeed, signal, onProgress } = options
  const totalBytes = plan.reduce((sum, file) => sum + sizeOfPieces(file.pieces), 0)
  let doneBytes = 0
  let writtenBytes = 0
  const advance = (sizeBytes: number): void => {
    doneBytes += sizeBytes
    onProgress?.({ doneBytes, totalBytes })
  }
  await mkdir(folder, { recursive: true })
  await removeLeftovers(folder)
  const ready: { temporary: string; final: string }[] = []
  try {
    for (const file of plan) {
      signal?.throwIfAborted()
      const final = join(folder, file.path)
      if (await holdsPieces(final, file.pieces, seed)) {
        advance(sizeOfPieces(file.pieces))
        continue
      }
      const temporary = temporaryName(final)
      ready.push({ temporary, final })
      await writePieces(temporary, file.pieces, { seed, signal, onWritten: advance })
      writtenBytes += sizeOfPieces(file.pieces)
    }
    for (const { temporary, final } of ready) await rename(temporary, final)
  } catch (error) {
    for (const { temporary } of ready) await rm(temporary, { force: true })
    throw error
  }
  return { files: plan.map((file) => join(folder, file.path)), sizeBytes: totalBytes, writtenBytes }
}

/** Names its process, so that a leftover can be told from the work of another process that is still running. */
function temporaryName(path: string): string {
  return join(dirname(path), `.holdfast-${process.pid}-${Date.now().toString(36)}-${counter++}.partial`)
}

let counter = 0

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = /^\.holdfast-(\d+)-.*\.partial$/.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
