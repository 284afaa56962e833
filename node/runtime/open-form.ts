/** A session over a form that was made here: in place where its format allows that, else with a copy of the weights. */
import { InferenceSession } from 'onnxruntime-node'
import { unpackModel } from './packed-form.ts'
import { copyingOptions, inPlaceOptions } from './session-options.ts'

/** A flat buffer has its identifier there. */
const identifier = { at: 4, text: 'ORTM' } as const

/** Bytes that run in place; an ONNX file does not. */
export function isOrtFormat(bytes: Uint8Array): boolean {
  const { at, text } = identifier
  return Buffer.from(bytes.subarray(at, at + text.length)).toString('latin1') === text
}

/** The bytes must outlive the session. */
export function openForm(bytes: Uint8Array, intraOpThreads: number): Promise<InferenceSession> {
  if (isOrtFormat(bytes)) return InferenceSession.create(bytes, inPlaceOptions(intraOpThreads))
  const { model, files } = unpackModel(bytes)
  return InferenceSession.create(model, { ...copyingOptions(intraOpThreads), externalData: [...files] })
}
