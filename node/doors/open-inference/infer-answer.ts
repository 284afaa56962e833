/** Answers of the Open Inference Protocol V2: JSON, and behind it the outputs that were asked for as bytes, in the same order. */
import type { TensorValue } from '../../ports/index.ts'
import { nextTurn, runInSlices } from '../../system/index.ts'
import { elementsPerPiece, elementTexts } from './element-text.ts'

export interface InferResult {
  readonly modelName: string
  readonly modelVersion?: string | undefined
  readonly id?: string | undefined
  readonly outputs: readonly TensorValue[]
  /** Named in the parameters of the answer. */
  readonly omittedOutputs?: readonly string[] | undefined
}

export interface AnswerBody {
  readonly contentType: string
  /** Of the JSON, when bytes follow it; null when it is all there is. */
  readonly jsonBytes: number | null
  /** Null when it is not known before it is sent. */
  readonly sizeBytes: number | null
  /** In pieces: text is made of millions of elements while it is sent, and only so far as the client reads it. */
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

export async function inferAnswer(result: InferResult, isBinary: (output: string) => boolean): Promise<AnswerBody> {
  const { outputs } = result
  const binary = outputs.filter(({ name }) => isBinary(name))
  const texts = answerTexts(result, isBinary)
  const textBytes = outputs.reduce((sum, { name, data }) => sum + (isBinary(name) ? 0 : data.byteLength), 0)
  if (binary.length === 0 && textBytes > elementsPerPiece)
    return { contentType: jsonType, jsonBytes: null, sizeBytes: null, pieces: inTurns(texts) }
  // Its length stands before it, so that it has to be made first.
  const json = Buffer.concat(await runInSlices(collect(texts)))
  const pieces = [json, ...binary.map(({ data }) => data)]
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  if (binary.length === 0) return { contentType: jsonType, jsonBytes: null, sizeBytes, pieces }
  return { contentType: 'application/octet-stream', jsonBytes: json.byteLength, sizeBytes, pieces }
}

/** Outputs of a model that an answer does not have, so that nobody looks for them in vain. */
export function omittedParameter(names: readonly string[] = []): {
  readonly parameters?: { readonly omitted_outputs: readonly string[] }
} {
  return names.length === 0 ? {} : { parameters: { omitted_outputs: names } }
}

const jsonType = 'application/json; charset=utf-8'

function* answerTexts(
  { modelName, modelVersion, id, outputs, omittedOutputs }: InferResult,
  isBinary: (output: string) => boolean,
): Generator<string, void> {
  const head = JSON.stringify({
    model_name: modelName,
    model_version: modelVersion,
    id,
    ...omittedParameter(omittedOutputs),
  })
  yield `${head.slice(0, -1)},"outputs":[`
  for (const [index, output] of outputs.entries()) {
    const { name, shape, datatype, data } = output
    const parameters = isBinary(name) ? { parameters: { binary_data_size: data.byteLength } } : {}
    const described = JSON.stringify({ name, shape, datatype, ...parameters })
    yield `${index === 0 ? '' : ','}${described.slice(0, -1)}`
    if (!isBinary(name)) {
      yield ',"data":['
      yield* elementTexts(output)
      yield ']'
    }
    yield '}'
  }
  yield ']}'
}

function* collect(texts: Iterable<string>): Generator<void, Buffer[]> {
  const buffers: Buffer[] = []
  for (const text of texts) {
    buffers.push(Buffer.from(text))
    yield
  }
  return buffers
}

/** Small texts go together, so that a tensor of one element is not five packets. */
const pieceBytesMin = 16_384

async function* inTurns(texts: Iterable<string>): AsyncGenerator<Buffer, void> {
  let gathered = ''
  for (const text of texts) {
    gathered += text
    if (gathered.length < pieceBytesMin) continue
    yield Buffer.from(gathered)
    gathered = ''
    await nextTurn()
  }
  yield Buffer.from(gathered)
}
