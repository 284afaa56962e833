/**
 * Makes the form of a model that workers run, in the process that derive.ts starts: in ORT format when that opens with the inputs
 * and outputs of the model itself, else the ONNX file as it is, whose sessions copy the weights.
 */
import { randomUUID } from 'node:crypto'
import { copyFile, open, readFile, rm } from 'node:fs/promises'
import { InferenceSession } from 'onnxruntime-node'
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import { withFloatsForBf16 } from './bf16-model.ts'
import { externalFilesOf, withoutInitializedInputs } from './onnx-graph.ts'
import { isOrtFormat, openForm } from './open-form.ts'
import { packModel } from './packed-form.ts'
import type { DeriveRequest } from './protocol.ts'
import { copyingOptions, deriveOptions } from './session-options.ts'
import { interfaceOf, signatureOf } from './signature.ts'

const identifierEnd = 8

/** Of the library, where an input or output has the element type 16 of ONNX. */
const unknownBf16 = 'Unsupported data type: 16'

/** What the runtime throws, or UNSUPPORTED_TYPE, BAD_MODEL_FILE, NOT_RUNNABLE. */
export async function convert(request: DeriveRequest): Promise<void> {
  try {
    await convertAsItIs(request)
  } catch (error) {
    const { inputPath } = request
    const isBf16 = error instanceof Error && error.message.includes(unknownBf16)
    const pieces = isBf16 ? withFloatsForBf16(await readFile(inputPath)) : null
    if (pieces === null) throw error
    await withChangedModel(inputPath, pieces, (changedPath) => convertAsItIs({ ...request, inputPath: changedPath }))
  }
}

async function convertAsItIs({ inputPath, outputPath, mayConvert }: DeriveRequest): Promise<void> {
  if (isOrtFormat(await headOf(inputPath))) return takeOver(inputPath, outputPath)
  if (mayConvert && (await convertInPlace(inputPath, outputPath))) return
  await rm(outputPath, { force: true })
  await pack(inputPath, outputPath)
}

/** A file in ORT format, from whichever converter. */
async function takeOver(inputPath: string, outputPath: string): Promise<void> {
  await ask(openForm(await readFile(inputPath), 1))
  await copyFile(inputPath, outputPath)
}

/** False when the conversion fails, or makes another model than the file has. */
async function convertInPlace(inputPath: string, outputPath: string): Promise<boolean> {
  try {
    const wanted = await ask(InferenceSession.create(inputPath, deriveOptions(outputPath)))
    return (await opensAs(outputPath, wanted)) || (await convertRepaired(inputPath, outputPath, wanted))
  } catch (error) {
    if (isHoldfastError(error)) throw error
    return false
  }
}

/** Exporters of the first years list weights as inputs; of those that are folded away, the converted model asks its callers. */
async function convertRepaired(inputPath: string, outputPath: string, wanted: string): Promise<boolean> {
  const pieces = withoutInitializedInputs(await readFile(inputPath))
  if (pieces === null) return false
  return withChangedModel(inputPath, pieces, async (repairedPath) => {
    const found = await ask(InferenceSession.create(repairedPath, deriveOptions(outputPath)))
    return found === wanted && (await opensAs(outputPath, wanted))
  })
}

async function withChangedModel<T>(
  inputPath: string,
  pieces: readonly Uint8Array[],
  use: (path: string) => Promise<T>,
): Promise<T> {
  // Beside the model, where its other files are, and under a name that none of them has.
  const path = `${inputPath}.${randomUUID()}`
  try {
    const changed = await open(path, 'wx')
    try {
      for (const piece of pieces) await changed.write(piece)
    } finally {
      await changed.close()
    }
    return await use(path)
  } finally {
    await rm(path, { force: true })
  }
}

async function pack(inputPath: string, outputPath: string): Promise<void> {
  const wanted = await ask(InferenceSession.create(inputPath, copyingOptions(1)))
  await packModel(inputPath, externalFilesOf(await readFile(inputPath)), outputPath)
  if (await opensAs(outputPath, wanted)) return
  throw new HoldfastError('NOT_RUNNABLE', 'The model does not load from memory as it does from its file.')
}

async function opensAs(path: string, wanted: string): Promise<boolean> {
  try {
    return (await ask(openForm(await readFile(path), 1))) === wanted
  } catch {
    return false // What it is compared with did open.
  }
}

/** Inputs and outputs of a session, which ends. */
async function ask(creating: Promise<InferenceSession>): Promise<string> {
  const session = await creating
  try {
    signatureOf(session)
    return interfaceOf(session)
  } finally {
    await session.release()
  }
}

async function headOf(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(identifierEnd), 0, identifierEnd, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
