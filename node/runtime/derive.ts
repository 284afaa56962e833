/**
 * Converts an ONNX file to the form that workers run, in a process of its own: the memory (twice the model) goes back when
 * it ends, and a file that crashes the converter crashes nothing else. The output appears by rename, whole and on the disk.
 */
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Clock, HoldfastError } from '../../common/index.ts'
import type { ChildConfinement } from '../ports/index.ts'
import { errorOfAbort } from './abort.ts'
import type { ConversionLimit } from './conversion-limit.ts'
import { forkSibling, onceGone } from './fork-sibling.ts'
import { isOutOfMemory, memoryExceeded } from './memory-bound.ts'
import type { OnnxRuntimeOptions } from './options.ts'
import { limitProcessor, processorMsOf } from './processor-limit.ts'
import type { DeriveAnswer, DeriveMessage, DeriveRequest, RemoteError } from './protocol.ts'
import { withoutPlaces } from './runtime-errors.ts'

/** What one conversion may take: a small model does not need what a large one does. */
export type ConversionBounds = Pick<
  OnnxRuntimeOptions,
  'deriveMsMax' | 'deriveBaseMs' | 'deriveBaseBytes' | 'isConfined'
>

export interface DeriveOptions {
  readonly clock: Clock
  readonly limits: ConversionBounds
  readonly signal: AbortSignal
  /** Called with the rights that the converting process has given up. */
  readonly onConfined?: (confinement: ChildConfinement) => void
  /** Absent: begins at once. */
  readonly limit?: ConversionLimit
}

/** Of a message of protocol buffers. */
const modelSizeBytesMax = 2 ** 31 - 1

/** Bytes of memory that a conversion has at its peak for a byte of the model: its file, the graph, and what it writes. */
const memoryPerByte = 3

/** Of which the bound leaves room for what the estimate does not know. */
const boundPerByte = 4

const MiB = 2 ** 20

/** A second for each MiB. */
const msPerMiB = 1000

let counter = 0

/**
 * MODEL_TOO_NEW, UNSUPPORTED_OPERATOR, UNSUPPORTED_TYPE, BAD_MODEL_FILE, NOT_RUNNABLE: of the model; the details have `isPassing` where
 * another try may end otherwise. DISK_FAILED, SYSTEM, or the reason of the signal.
 */
export async function deriveModel(inputPath: string, outputPath: string, options: DeriveOptions): Promise<void> {
  await checkInput(inputPath)
  const sizeBytes = await sizeOfFolder(dirname(inputPath))
  const work = (): Promise<void> => make(inputPath, outputPath, sizeBytes, options)
  if (options.limit === undefined) await work()
  else await options.limit.run(sizeBytes * memoryPerByte, options.signal, work)
}

async function make(inputPath: string, outputPath: string, sizeBytes: number, options: DeriveOptions): Promise<void> {
  const temporaryPath = `${outputPath}.${process.pid}-${counter++}.partial`
  const { deriveBaseBytes, deriveBaseMs, isConfined } = options.limits
  const memoryBytesMax = deriveBaseBytes + boundPerByte * sizeBytes
  const processorMsMax = deriveBaseMs + Math.ceil((sizeBytes / MiB) * msPerMiB)
  const request = { inputPath, outputPath: temporaryPath, memoryBytesMax, isConfined }
  try {
    const death = await convert({ ...request, mayConvert: true }, processorMsMax, options)
    const again = death === null ? null : await convert({ ...request, mayConvert: false }, processorMsMax, options)
    if (again !== null && isOutOfMemory(again))
      throw memoryExceeded('converted', memoryBytesMax, 'runtime.conversionBaseBytes')
    if (again !== null) {
      const message = `The runtime crashed on the model file (${withoutPlaces(again)}). Check the file, and the memory of this machine.`
      throw new HoldfastError('BAD_MODEL_FILE', message, { details: { isPassing: true } })
    }
    await syncFile(temporaryPath)
    await rename(temporaryPath, outputPath)
  } finally {
    await rm(temporaryPath, { force: true })
  }
}

async function checkInput(inputPath: string): Promise<void> {
  const { size } = await stat(inputPath).catch((cause) => {
    throw new HoldfastError('SYSTEM', 'The model file cannot be read; see the log for its path.', { cause })
  })
  if (size > modelSizeBytesMax) {
    const message = `The model file has ${size} bytes; ONNX files have less than 2 GiB. Export it with its weights in a file beside it.`
    throw new HoldfastError('NOT_RUNNABLE', message, { details: { sizeBytes: size } })
  }
}

/** The model and what lies beside it: most weights of a large model do. */
async function sizeOfFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  let sizeBytes = 0
  for (const path of files) sizeBytes += (await stat(path).catch(() => null))?.size ?? 0
  return sizeBytes
}

/** Null when the form is made; the reason when the process died of it. */
function convert(request: DeriveRequest, processorMsMax: number, options: DeriveOptions): Promise<string | null> {
  const { clock, limits, signal, onConfined } = options
  if (signal.aborted) return Promise.reject(errorOfAbort(signal))
  return new Promise((resolve, reject) => {
    const { inputPath, outputPath, isConfined } = request
    // A changed model lies beside the model itself while it is converted.
    const writable = [dirname(inputPath), dirname(outputPath)]
    const child = forkSibling('derive-process', { launch: { isConfined, writable, isBatch: true } })
    let answer: DeriveAnswer | null = null
    let ended: HoldfastError | null = null
    const end = (error: HoldfastError): void => {
      ended ??= error
      child.kill('SIGKILL')
    }
    const onAbort = (): void => end(errorOfAbort(signal))
    const forget = limitProcessor({
      clock,
      usedMs: () => (child.pid === undefined ? null : processorMsOf(child.pid)),
      processorMsMax,
      wallMsMax: limits.deriveMsMax,
      onLate: () => {
        const message = `The conversion took longer than ${processorMsMax} ms of the processor, or ${limits.deriveMsMax} ms in all; raise runtime.conversionBaseMs or runtime.conversionTimeoutMs.`
        end(new HoldfastError('NOT_RUNNABLE', message, { details: { isPassing: true } }))
      },
    })
    signal.addEventListener('abort', onAbort, { once: true })
    child.on('message', (message: DeriveMessage) => {
      if (message.kind === 'confined') onConfined?.(message.confinement)
      else answer = message
    })
    // Only when it is gone is its memory back and its file final.
    onceGone(child, (reason) => {
      forget()
      signal.removeEventListener('abort', onAbort)
      if (ended !== null) reject(ended)
      else if (answer === null && reason.includes('SIGKILL')) reject(outOfMemory())
      else if (answer === null) resolve(reason)
      else if (answer.kind === 'error') reject(errorOfAnswer(answer.error))
      else resolve(null)
    })
    child.send(request, () => {})
  })
}

/** A limit may be raised; what the model itself is stays so. */
function errorOfAnswer({ code, message }: RemoteError): HoldfastError {
  return new HoldfastError(code, message, { details: code === 'MEMORY_EXCEEDED' ? { isPassing: true } : {} })
}

/** This process did not end it, so the kernel did: that is what happens when the machine or the control group has no memory left. */
function outOfMemory(): HoldfastError {
  const message =
    'The system ended the converter, most likely for want of memory: it needs twice the size of the model. Give the node more memory, or lower memory.limitBytes.'
  return new HoldfastError('OVERLOADED', message)
}

async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new HoldfastError('DISK_FAILED', 'The converted model could not be written to the scratch folder.', { cause })
  }
}
