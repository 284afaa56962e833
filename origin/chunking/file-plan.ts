/**
 * How one file is cut: reads the header where the format has tensors, and plans. The format follows from the name, as every
 * tool that reads these files has it; a file of any other name is opaque and cut every 8 MiB.
 */
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import type { Tensor } from '../types.ts'
import { type ChunkPlanOptions, defaultChunkPlanOptions, planChunks } from './chunk-plan.ts'
import { parseGguf } from './gguf.ts'
import { NeedMore } from './gguf-cursor.ts'
import { parseSafetensors, safetensorsHeaderBytes } from './safetensors.ts'
import { badModelFile, defaultHeaderLimits, type HeaderLimits } from './tensor-table.ts'

/** Reads exactly `sizeBytes`, which lie inside the file as it was when its size was taken, or throws. */
export type ReadAt = (offsetBytes: number, sizeBytes: number) => Promise<Uint8Array>

export interface FilePlanOptions {
  readonly plan: ChunkPlanOptions
  readonly header: HeaderLimits
}

export const defaultFilePlanOptions: FilePlanOptions = { plan: defaultChunkPlanOptions, header: defaultHeaderLimits }

export interface FilePlan {
  /** Sizes in file order. */
  readonly chunkSizes: readonly number[]
  /** null when the format has none. */
  readonly tensors: readonly Tensor[] | null
}

/** First read of a GGUF header: without a vocabulary most are smaller. */
const firstPrefixBytes = 1024 * 1024

/** BAD_MODEL_FILE, with the path, when the header of a safetensors or GGUF file is malformed. */
export async function planFile(
  path: string,
  fileSizeBytes: number,
  readAt: ReadAt,
  options: FilePlanOptions = defaultFilePlanOptions,
): Promise<FilePlan> {
  const tensors = await readTensors(path, fileSizeBytes, readAt, options.header)
  const tensorOffsets = (tensors ?? []).filter((tensor) => tensor.sizeBytes > 0).map((tensor) => tensor.offsetBytes)
  return { chunkSizes: planChunks({ fileSizeBytes, tensorOffsets }, options.plan), tensors }
}

async function readTensors(
  path: string,
  fileSizeBytes: number,
  readAt: ReadAt,
  limits: HeaderLimits,
): Promise<Tensor[] | null> {
  try {
    if (/\.safetensors$/i.test(path)) return await readSafetensors(fileSizeBytes, readAt, limits)
    if (/\.gguf$/i.test(path)) return await readGguf(fileSizeBytes, readAt, limits)
    return null
  } catch (error) {
    if (!isHoldfastError(error, 'BAD_MODEL_FILE')) throw error
    const pointer = Buffer.from(await readAt(0, Math.min(64, fileSizeBytes)))
      .toString('latin1')
      .startsWith('version https://git-lfs')
    const why = pointer ? 'it is a Git LFS pointer, not the file itself; run git lfs pull' : error.message
    throw new HoldfastError('BAD_MODEL_FILE', `${path}: ${why}.`, { details: { path }, cause: error })
  }
}

async function readSafetensors(fileSizeBytes: number, readAt: ReadAt, limits: HeaderLimits): Promise<Tensor[]> {
  const headerBytes = safetensorsHeaderBytes(await readAt(0, Math.min(8, fileSizeBytes)), fileSizeBytes, limits)
  return parseSafetensors(await readAt(0, headerBytes), fileSizeBytes, limits)
}

async function readGguf(fileSizeBytes: number, readAt: ReadAt, limits: HeaderLimits): Promise<Tensor[]> {
  for (let sizeBytes = firstPrefixBytes; ; ) {
    const prefix = await readAt(0, Math.min(sizeBytes, fileSizeBytes))
    try {
      return parseGguf(prefix, fileSizeBytes, limits)
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error
      if (error.sizeBytes > limits.headerBytesMax)
        throw badModelFile(`it is longer than ${limits.headerBytesMax} bytes`)
      // Four times as much each time, so that all tries together cost a third more than the last one.
      sizeBytes = Math.min(Math.max(error.sizeBytes, sizeBytes * 4), limits.headerBytesMax)
    }
  }
}
