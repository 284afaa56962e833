/** `POST .../infer`: a body in JSON, with tensors in bytes behind it or alone, and an answer in the form that was asked for. */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { contextOf, type InferCall, type ModelCalls, mayForward } from '../../requests/index.ts'
import { runInSlices } from '../../system/index.ts'
import { clientGone, type ModelPath } from '../http/index.ts'
import { jsonLengthHeader, splitBody } from './binary-parts.ts'
import { bad } from './fields.ts'
import { inferAnswer } from './infer-answer.ts'
import type { InferLimits } from './infer-limits.ts'
import { type InferRequest, parseInferRequest, rawInput } from './infer-request.ts'

export interface InferRoutePorts {
  readonly calls: ModelCalls
  readonly limits: InferLimits
}

export async function infer(
  { calls, limits }: InferRoutePorts,
  { name, spelled }: ModelPath,
  { id: requestId, headers, body, caller, ip }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  checkContentType(headers['content-type'])
  const { json, binary, isRaw } = splitBody(bytesOf(body), headers[jsonLengthHeader])
  const context = contextOf(headers, caller.tenant, ip)
  const { id, entry, inputs, outputs, isBinary } = isRaw
    ? rawRequest(binary)
    : await runInSlices(parseInferRequest(json, binary, limits))
  const answer = await calls.infer({
    name,
    ...(entry === undefined ? {} : { entry }),
    inputs,
    outputs: outputs ?? null,
    context,
    mayForward: mayForward(headers),
    requestId,
    signal: clientGone(reply),
  })
  reply.header('holdfast-served-by', answer.servedBy)
  reply.header('holdfast-served-from', answer.servedFrom)
  reply.header('holdfast-elapsed-ms', answer.elapsedMs.toFixed(2))
  reply.header('holdfast-predicted-ms', answer.decision.expectedMs.toFixed(2))
  reply.header('server-timing', answer.serverTiming)
  reply.header('holdfast-model', `sha256:${answer.model}`)
  reply.header('holdfast-ref-age-ms', refAge(answer.refAgeMs))
  const { outputs: found, omittedOutputs } = answer
  const result = { modelName: spelled, modelVersion: name.tag, id, outputs: found, omittedOutputs }
  const { contentType, jsonBytes, sizeBytes, pieces } = await inferAnswer(result, isBinary)
  reply.type(contentType)
  if (jsonBytes !== null) reply.header(jsonLengthHeader, jsonBytes)
  if (sizeBytes !== null) reply.header('content-length', sizeBytes)
  return reply.send(Readable.from(pieces, { objectMode: false }))
}

/** In whole milliseconds; `unknown` when the tag was not looked up since the node started. */
function refAge(ageMs: number): string {
  return Number.isFinite(ageMs) ? String(Math.round(ageMs)) : 'unknown'
}

function rawRequest(body: Buffer): Omit<InferRequest, 'inputs'> & Pick<InferCall, 'inputs'> {
  return { inputs: (signature) => [rawInput(body, signature.inputs)], isBinary: () => true }
}

/** Clients of Triton send JSON with no type at all, and tensors in bytes as application/octet-stream. */
function checkContentType(type: string | undefined): void {
  if (type === undefined) return
  const [media = '', ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.replaceAll(/^charset=|"/g, '')
  const isJson = /^(?:application|text)\/(?:[\w.-]+\+)?json$/.test(media)
  if (!isJson && media !== 'application/octet-stream')
    throw bad(
      `a body of the type ${media} is not taken; send application/json, or application/octet-stream for binary tensors`,
    )
  if (isJson && charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset))
    throw bad(`the JSON is said to be ${charset}; send UTF-8`)
}

function bytesOf(body: unknown): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
}
