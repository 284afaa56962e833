/**
 * Converts an ONNX file to the form that runs in place, in a process of its own: the memory (twice the model) goes back when
 * it ends, and a file that crashes the converter crashes nothing else. The output appears by rename, whole and on the disk.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import { type Clock, HoldfastError } from '../../common/index.ts'
import { errorOfAbort } from './abort.ts'
import { forkSibling, onceGone } from './fork-sibling.ts'
import type { DeriveAnswer, DeriveRequest } from './protocol.ts'

export interface DeriveOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Of the flat buffer that is the ORT format: its offsets are signed 32-bit numbers. */
const derivedSizeBytesMax = 2 ** 31 - 1

let counter = 0

export async function deriveModel(inputPath: string, outputPath: string, options: DeriveOptions): Promise<void> {
  await checkInput(inputPath)
  const temporaryPath = `${outputPath}.${process.pid}-${counter++}.partial`
  try {
    await convert({ inputPath, outputPath: temporaryPath }, options)
    await syncFile(temporaryPath, outputPath)
    await rename(temporaryPath, outputPath)
  } finally {
    await rm(temporaryPath, { force: true })
  }
}

async function checkInput(inputPath: string): Promise<void> {
  const { size } = await stat(inputPath).catch((cause) => {
    throw new HoldfastError('SYSTEM', `Cannot read the model file ${inputPath}.`, { cause })
  })
  if (size > derivedSizeBytesMax) {
    const message = `the model has ${size} bytes; ONNX Runtime converts files of less than 2 GiB`
    throw new HoldfastError('NOT_RUNNABLE', message, { details: { sizeBytes: size } })
  }
}

function convert(request: DeriveRequest, { clock, timeoutMs, signal }: DeriveOptions): Promise<void> {
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
      end(new HoldfastError('NOT_RUNNABLE', `The conversion took longer than ${timeoutMs} ms (limit deriveMsMax).`))
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
      else if (answer === null)
        reject(reason.includes('SIGKILL') ? outOfMemory() : badFile(`the converter died of it (${reason})`))
      else if (answer.kind === 'error') reject(errorOf(answer.message))
      else resolve()
    })
    child.send(request, () => {})
  })
}

/** ONNX Runtime reports by text only. */
function errorOf(message: string): HoldfastError {
  // Its own check, which a test holds it to: a hostile model must not have other files of this machine read as weights.
  if (/escapes model directory|absolute path not allowed/i.test(message)) return badFile(message)
  if (/external data|external_data|\.data\b.*(?:exist|open)/i.test(message)) {
    const hint = 'the model keeps weights in files beside it, which are not there; export it as one file'
    return new HoldfastError('NOT_RUNNABLE', `${hint} (${message}).`)
  }
  if (/no space left|failed to (?:save|write)/i.test(message)) return new HoldfastError('DISK_FAILED', message)
  return badFile(message)
}

/** This process did not end it, so the kernel did: that is what happens when the machine or the control group has no memory left. */
function outOfMemory(): HoldfastError {
  const message =
    'The system ended the converter, most likely for want of memory: it needs twice the size of the model. Give the node more memory, or lower memory.limitBytes.'
  return new HoldfastError('OVERLOADED', message)
}

function badFile(message: string): HoldfastError {
  return new HoldfastError('BAD_MODEL_FILE', `ONNX Runtime does not take the model file: ${message}`)
}

async function syncFile(path: string, outputPath: string): Promise<void> {
  try {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new HoldfastError('DISK_FAILED', `The converted model could not be written to ${outputPath}.`, { cause })
  }
}
