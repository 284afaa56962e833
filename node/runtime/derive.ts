/**
 * Converts an ONNX file to the form that workers run, in a process of its own: the memory (twice the model) goes back when
 * it ends, and a file that crashes the converter crashes nothing else. The output appears by rename, whole and on the disk.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import { type Clock, HoldfastError } from '../../common/index.ts'
import { errorOfAbort } from './abort.ts'
import type { ConversionLimit } from './conversion-limit.ts'
import { forkSibling, onceGone } from './fork-sibling.ts'
import type { DeriveAnswer, DeriveRequest } from './protocol.ts'
import { withoutPlaces } from './runtime-errors.ts'

export interface DeriveOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Absent: begins at once. */
  readonly limit?: ConversionLimit
}

/** Of a message of protocol buffers. */
const modelSizeBytesMax = 2 ** 31 - 1

/** Bytes of memory that a conversion has at its peak for a byte of the model: its file, the graph, and what it writes. */
const memoryPerByte = 3

let counter = 0

/**
 * MODEL_TOO_NEW, UNSUPPORTED_OPERATOR, UNSUPPORTED_TYPE, BAD_MODEL_FILE, NOT_RUNNABLE: of the model; the details have `isPassing` where
 * another try may end otherwise. DISK_FAILED, SYSTEM, or the reason of the signal.
 */
export async function deriveModel(inputPath: string, outputPath: string, options: DeriveOptions): Promise<void> {
  const sizeBytes = await checkInput(inputPath)
  const work = (): Promise<void> => make(inputPath, outputPath, options)
  if (options.limit === undefined) await work()
  else await options.limit.run(sizeBytes * memoryPerByte, options.signal, work)
}

async function make(inputPath: string, outputPath: string, options: DeriveOptions): Promise<void> {
  const temporaryPath = `${outputPath}.${process.pid}-${counter++}.partial`
  const request = { inputPath, outputPath: temporaryPath }
  try {
    const death = await convert({ ...request, mayConvert: true }, options)
    const again = death === null ? null : await convert({ ...request, mayConvert: false }, options)
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

/** @returns the size of the file. */
async function checkInput(inputPath: string): Promise<number> {
  const { size } = await stat(inputPath).catch((cause) => {
    throw new HoldfastError('SYSTEM', 'The model file cannot be read; see the log for its path.', { cause })
  })
  if (size > modelSizeBytesMax) {
    const message = `The model file has ${size} bytes; ONNX files have less than 2 GiB. Export it with its weights in a file beside it.`
    throw new HoldfastError('NOT_RUNNABLE', message, { details: { sizeBytes: size } })
  }
  return size
}

/** Null when the form is made; the reason when the process died of it. */
function convert(request: DeriveRequest, { clock, timeoutMs, signal }: DeriveOptions): Promise<string | null> {
  if (signal.aborted) return Promise.reject(errorOfAbort(signal))
  return new Promise((resolve, reject) => {
    const child = forkSibling('derive-process')
    let answer: DeriveAnswer | null = null
    let ended: HoldfastError | null = null
    const end = (error: HoldfastError): void => {
      ended ??= error
      child.kill('SIGKILL')
    }
    const onAbort = (): void => end(errorOfAbort(signal))
    const forget = clock.after(timeoutMs, () => {
      const message = `The conversion took longer than ${timeoutMs} ms; raise runtime.conversionTimeoutMs.`
      end(new HoldfastError('NOT_RUNNABLE', message, { details: { isPassing: true } }))
    })
    signal.addEventListener('abort', onAbort, { once: true })
    child.on('message', (message: DeriveAnswer) => {
      answer = message
    })
    // Only when it is gone is its memory back and its file final.
    onceGone(child, (reason) => {
      forget()
      signal.removeEventListener('abort', onAbort)
      if (ended !== null) reject(ended)
      else if (answer === null && reason.includes('SIGKILL')) reject(outOfMemory())
      else if (answer === null) resolve(reason)
      else if (answer.kind === 'error') reject(new HoldfastError(answer.error.code, answer.error.message))
      else resolve(null)
    })
    child.send(request, () => {})
  })
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
