/**
 * How one file is cut: reads the header where the format has tensors, and plans. A file of another format, or with a header that
 * cannot be read, is opaque and cut every 8 MiB.
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
  /** null when the format has none, or when its header cannot be read. */
  readonly tensors: readonly Tensor[] | null
  /** Why the header of a safetensors or GGUF file cannot be read: then it is moved as plain bytes. */
  readonly unreadable: string | null
}

const ggufMagic = Buffer.from('GGUF')
/** First read of a GGUF header: without a vocabulary most are smaller. */
const firstPrefixBytes = 1024 * 1024

/** BAD_MODEL_FILE, with the path, for a Git LFS pointer: it stands where a file of weights should be. */
export async function planFile(
  path: string,
  fileSizeBytes: number,
  readAt: ReadAt,
  options: FilePlanOptions = defaultFilePlanOptions,
): Promise<FilePlan> {
  const { tensors, unreadable } = await readTensors(path, fileSizeBytes, readAt, options.header)
  const tensorOffsets = (tensors ?? []).filter((tensor) => tensor.sizeBytes > 0).map((tensor) => tensor.offsetBytes)
  return { chunkSizes: planChunks({ fileSizeBytes, tensorOffsets }, options.plan), tensors, unreadable }
}

async function readTensors(
  path: string,
  fileSizeBytes: number,
  readAt: ReadAt,
  limits: HeaderLimits,
): Promise<{ tensors: readonly Tensor[] | null; unreadable: string | null }> {
  const format = await formatOf(path, fileSizeBytes, readAt)
  if (format === null) return { tensors: null, unreadable: null }
  const read = format === 'safetensors' ? readSafetensors : readGguf
  try {
    return { tensors: await read(fileSizeBytes, readAt, limits), unreadable: null }
  } catch (error) {
    if (!isHoldfastError(error, 'BAD_MODEL_FILE')) throw error
    await refuseLfsPointer(path, fileSizeBytes, readAt)
    return { tensors: null, unreadable: error.message }
  }
}

/** By the name as every tool has it, and a GGUF file under any name by its first bytes. As in native/formats/tensor_directory.cc. */
async function formatOf(path: string, fileSizeBytes: number, readAt: ReadAt): Promise<'safetensors' | 'gguf' | null> {
  if (/\.safetensors$/i.test(path)) return 'safetensors'
  if (/\.gguf$/i.test(path)) return 'gguf'
  if (fileSizeBytes < ggufMagic.length) return null
  return ggufMagic.equals(await readAt(0, ggufMagic.length)) ? 'gguf' : null
}

async function refuseLfsPointer(path: string, fileSizeBytes: number, readAt: ReadAt): Promise<void> {
  const start = Buffer.from(await readAt(0, Math.min(64, fileSizeBytes))).toString('latin1')
  if (!start.startsWith('version https://git-lfs')) return
  throw new HoldfastError(
    'BAD_MODEL_FILE',
    `${path} is a Git LFS pointer, not the file itself. Run git lfs pull and push again.`,
    { details: { path } },
  )
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
