/** Requests and answers of the protocol as bytes, in one go. */
import { inferAnswer } from '../../../../node/doors/open-inference/infer-answer.ts'
import { defaultInferLimits, type InferLimits } from '../../../../node/doors/open-inference/infer-limits.ts'
import { type InferRequest, parseInferRequest } from '../../../../node/doors/open-inference/infer-request.ts'
import type { TensorValue } from '../../../../node/ports/index.ts'

export function parseText(
  text: string | Buffer,
  limits: InferLimits = defaultInferLimits,
  binary: Buffer = Buffer.alloc(0),
): InferRequest {
  const steps = parseInferRequest(Buffer.from(text), binary, limits)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

export interface Answer {
  readonly contentType: string
  readonly json: string
  readonly binary: Buffer
}

export async function answerOf(
  outputs: readonly TensorValue[],
  isBinary: (name: string) => boolean = () => false,
  names: { modelName: string; modelVersion?: string; id?: string } = { modelName: 'm' },
): Promise<Answer> {
  const { contentType, jsonBytes, sizeBytes, pieces } = await inferAnswer({ ...names, outputs }, isBinary)
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  const body = Buffer.concat(parts)
  if (sizeBytes !== null && sizeBytes !== body.byteLength) throw new Error('the announced size is another')
  const jsonEnd = jsonBytes ?? body.byteLength
  return { contentType, json: body.toString('utf8', 0, jsonEnd), binary: body.subarray(jsonEnd) }
}

/** The text between the brackets of the first output's data. */
export function dataText(json: string): string {
  return /"data":\[(.*?)\]/s.exec(json)![1]!
}
