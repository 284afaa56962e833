/** Open Inference Protocol V2 (JSON) below /v2: health, model metadata, readiness and inference, at any node for any model. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'
import { formatModelName, type ModelName } from '../../../origin/index.ts'
import { contextOf, type ModelCalls, mayForward } from '../../requests/index.ts'
import {
  clientGone,
  type HttpDoor,
  type ModelPath,
  type NodeHealth,
  parseModelPath,
  probe,
  restOfPath,
} from '../http/index.ts'
import { protocolErrorForm } from './error-form.ts'
import { loadingView } from './loading-view.ts'
import { formatInferResponse, omittedParameter, parseInferRequest } from './v2-json.ts'

export interface OpenInferencePorts {
  readonly calls: ModelCalls
  readonly health: NodeHealth
  /** Of names that are written without one. */
  readonly defaultNamespace: string
  /** Of this software. */
  readonly version: string
}

const serverName = 'holdfast'
const verbs: ReadonlySet<string> = new Set(['ready', 'infer'])

export function openInferenceDoor({ calls, health, defaultNamespace, version }: OpenInferencePorts): HttpDoor {
  return {
    prefix: '/v2',
    errorForm: protocolErrorForm(calls),
    register: (scope) => {
      scope.get('', async () => ({ name: serverName, version, extensions: [] }))
      registerHealthRoutes(scope, health)
      registerModelRoutes(scope, calls, (url) => parseModelPath(restOfPath(url, 2), verbs, defaultNamespace))
    },
  }
}

function registerHealthRoutes(scope: FastifyInstance, health: NodeHealth): void {
  scope.get('/health/live', probe, async (_request, reply) => {
    const { alive } = await health.pulse()
    return reply.code(alive ? 200 : 503).send({ live: alive })
  })
  scope.get('/health/ready', probe, async (_request, reply) => {
    const ready = health.whyNotReady() === null
    return reply.code(ready ? 200 : 503).send({ ready })
  })
}

function registerModelRoutes(scope: FastifyInstance, calls: ModelCalls, pathOf: (url: string) => ModelPath): void {
  scope.get('/models/*', async ({ url, headers }, reply) => {
    const { name, spelled, verb } = pathOf(url)
    if (verb === 'ready') return sendReadiness(calls, name, headers, reply)
    if (verb === '') return metadata(calls, name, spelled, headers)
    throw new HoldfastError('BAD_REQUEST', `${verb} is asked for by POST.`)
  })
  scope.post('/models/*', async (request, reply) => {
    const { name, spelled, verb } = pathOf(request.url)
    if (verb !== 'infer') throw new HoldfastError('UNKNOWN_ROUTE', `POST .../${verb} is not part of the protocol.`)
    return infer(calls, name, spelled, request, reply)
  })
}

type Headers = FastifyRequest['headers']

async function sendReadiness(
  calls: ModelCalls,
  name: ModelName,
  headers: Headers,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { ready, loading } = await calls.readiness(name, contextOf(headers))
  return reply
    .code(ready ? 200 : 503)
    .send({ name: formatModelName(name), ready, ...(loading === null ? {} : { loading: loadingView(loading) }) })
}

async function metadata(calls: ModelCalls, name: ModelName, spelled: string, headers: Headers): Promise<object> {
  const { platform, inputs, outputs, omittedOutputs } = await calls.signature(name, contextOf(headers))
  return {
    name: spelled,
    versions: [name.tag],
    platform,
    inputs,
    outputs,
    ...omittedParameter(omittedOutputs),
  }
}

async function infer(
  calls: ModelCalls,
  name: ModelName,
  spelled: string,
  { id: requestId, headers, body }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { id, inputs, outputs = null } = parseInferRequest(body)
  const answer = await calls.infer({
    name,
    inputs,
    outputs,
    context: contextOf(headers),
    mayForward: mayForward(headers),
    requestId,
    signal: clientGone(reply),
  })
  reply.header('holdfast-served-by', answer.servedBy)
  reply.header('holdfast-served-from', answer.servedFrom)
  reply.header('holdfast-elapsed-ms', answer.elapsedMs.toFixed(2))
  reply.header('holdfast-model', `sha256:${answer.model}`)
  return reply.send(formatInferResponse({ modelName: spelled, modelVersion: name.tag, id, ...answer }))
}
