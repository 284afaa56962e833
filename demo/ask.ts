/** One inference request over HTTP, with inputs made to fit the model, and what the answer says of the way it took. */
import { HoldfastError, isErrorCode, type Prng } from '../common/index.ts'
import type { Datatype, TensorSignature } from '../node/ports/index.ts'

export interface Answered {
  readonly servedBy: string
  /** memory, disk, peer, origin or forwarded */
  readonly servedFrom: string
  readonly elapsedMs: number
  /** 'output [1,1000]' */
  readonly outputs: string
}

export interface InferBody {
  readonly inputs: readonly (TensorSignature & { readonly data: readonly (number | boolean | string)[] })[]
}

/** Sends the request; `forward: false` asks the node to serve it by itself. */
export async function ask(
  httpUrl: string,
  model: string,
  body: InferBody,
  options: { forward?: boolean; signal?: AbortSignal } = {},
): Promise<Answered> {
  const startedMs = performance.now()
  const response = await fetch(`${httpUrl}/v2/models/${encodeURIComponent(model)}/infer`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.forward === false ? { 'holdfast-forward': 'never' } : {}),
    },
    // As bytes: numbers that are none are no JSON to this side.
    body: JSON.stringify({ ...body, parameters: { binary_data_output: true } }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  await refuseErrors(response)
  const answer = headOf(Buffer.from(await response.arrayBuffer()), response.headers.get(jsonLengthHeader))
  return {
    servedBy: response.headers.get('holdfast-served-by') ?? '',
    servedFrom: response.headers.get('holdfast-served-from') ?? '',
    elapsedMs: performance.now() - startedMs,
    outputs: answer.outputs.map(({ name, shape }) => `${name} [${shape.join(',')}]`).join(', '),
  }
}

const jsonLengthHeader = 'inference-header-content-length'

function headOf(body: Buffer, length: string | null): { readonly outputs: { name: string; shape: number[] }[] } {
  return JSON.parse(body.toString('utf8', 0, length === null ? body.byteLength : Number(length)))
}

/** Random inputs of the shapes that a model declares; free dimensions are 1. */
export function makeBody(inputs: readonly TensorSignature[], random: Prng): InferBody {
  return {
    inputs: inputs.map(({ name, datatype, shape }) => {
      const fixed = shape.map((size) => (size < 0 ? 1 : size))
      const count = fixed.reduce((product, size) => product * size, 1)
      return { name, datatype, shape: fixed, data: Array.from({ length: count }, () => element(datatype, random)) }
    }),
  }
}

function element(datatype: Datatype, random: Prng): number | boolean | string {
  if (datatype === 'BOOL') return random.int(2) === 1
  if (datatype === 'BYTES') return ''
  // Small integers are valid token ids in every vocabulary.
  return datatype.startsWith('FP') ? random.int(1000) / 1000 : random.int(2)
}

async function refuseErrors(response: Response): Promise<void> {
  if (response.ok) return
  const code = response.headers.get('holdfast-error') ?? ''
  const text = await response.text()
  throw new HoldfastError(
    isErrorCode(code) ? code : 'INFERENCE_FAILED',
    `HTTP ${response.status}: ${text.slice(0, 300)}`,
  )
}
