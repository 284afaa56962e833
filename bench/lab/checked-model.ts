/**
 * A model whose answer is known. The runtime itself, without Holdfast, has run it here on the same input; so an answer of a node is
 * right or wrong, and the bytes that a client opens have the sha256 of the file that was pushed.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { connect } from '../../clients/node/index.ts'
import { createPrng, HoldfastError, isErrorCode } from '../../common/index.ts'
import { type InferBody, makeBody, readInputs } from '../../demo/index.ts'

export interface CheckedModel {
  readonly name: string
  readonly body: InferBody
  /** Of its one output. */
  readonly answer: readonly number[]
  /** Of its one file. */
  readonly sha256: string
}

/** Conversions may change the order of additions, not more. */
const answerTolerance = 1e-4
const floatBytes = 4

/** @param path of an ONNX file with inputs of FP32 and one output. */
export async function checkedModel(name: string, path: string): Promise<CheckedModel> {
  const body = makeBody(await readInputs(path), createPrng(1))
  const session = await InferenceSession.create(path)
  try {
    const feeds = Object.fromEntries(
      body.inputs.map((input) => [
        input.name,
        new Tensor('float32', Float32Array.from(input.data as number[]), input.shape),
      ]),
    )
    const outputs = await session.run(feeds)
    const answer = [...(outputs[session.outputNames[0]!]!.data as Float32Array)]
    return { name, body, answer, sha256: sha256Of(await readFile(path)) }
  } finally {
    await session.release()
  }
}

export interface Answered {
  readonly isRight: boolean
  /** As the node says: memory, disk, peer, origin, forwarded. */
  readonly servedFrom: string
}

/** The answer is right when it is that of any of these revisions of one model. A refusal is thrown, with the code of the node. */
export async function askChecked(
  httpUrl: string,
  revisions: readonly CheckedModel[],
  signal: AbortSignal,
): Promise<Answered> {
  const [{ name, body: asked }] = revisions as [CheckedModel]
  const response = await fetch(`${httpUrl}/v2/models/${encodeURIComponent(name)}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ ...asked, parameters: { binary_data_output: true } }),
    signal,
  })
  const body = Buffer.from(await response.arrayBuffer())
  if (!response.ok) {
    const code = response.headers.get('holdfast-error') ?? ''
    throw new HoldfastError(isErrorCode(code) ? code : 'INFERENCE_FAILED', body.toString().slice(0, 300))
  }
  const tensor = body.subarray(Number(response.headers.get('inference-header-content-length')))
  const isRight = revisions.some(({ answer }) => isAnswer(tensor, answer))
  return { isRight, servedFrom: response.headers.get('holdfast-served-from') ?? '' }
}

function isAnswer(tensor: Buffer, answer: readonly number[]): boolean {
  if (tensor.length !== floatBytes * answer.length) return false
  return answer.every((value, at) => Math.abs(tensor.readFloatLE(floatBytes * at) - value) <= answerTolerance)
}

/** Opens it over a connection of its own and hashes what is mapped: true when the bytes are those of any of these revisions. */
export async function openChecked(
  socketPath: string,
  revisions: readonly Pick<CheckedModel, 'name' | 'sha256'>[],
  timeoutMs: number,
): Promise<boolean> {
  const client = await connect(socketPath)
  try {
    using opened = await client.open(revisions[0]!.name, { deadlineMs: timeoutMs })
    const found = sha256Of(opened.files[0]!.bytes)
    return revisions.some(({ sha256 }) => sha256 === found)
  } finally {
    client.close()
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
