/** Open Inference Protocol V2 below /v2: health, model metadata, readiness and inference, at any node for any model. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HoldfastError, type RequestContext } from '../../../common/index.ts'
import { formatModelName } from '../../../origin/index.ts'
import { contextOf, type ModelCalls } from '../../requests/index.ts'
import { type HttpDoor, type ModelPath, type NodeHealth, parseModelPath, probe, restOfPath } from '../http/index.ts'
import { protocolErrorForm } from './error-form.ts'
import { omittedParameter } from './infer-answer.ts'
import { defaultInferLimits, type InferLimits } from './infer-limits.ts'
import { infer } from './infer-route.ts'
import { loadingView } from './loading-view.ts'

export interface OpenInferencePorts {
  readonly calls: ModelCalls
  readonly health: NodeHealth
  /** Of names that are written without one. */
  readonly defaultNamespace: string
  /** Of this software. */
  readonly version: string
}

const serverName = 'holdfast'
const extensions = ['binary_tensor_data']
const verbs: ReadonlySet<string> = new Set(['ready', 'infer'])

export function openInferenceDoor(
  { calls, health, defaultNamespace, version }: OpenInferencePorts,
  limits: InferLimits = defaultInferLimits,
): HttpDoor {
  return {
    prefix: '/v2',
    errorForm: protocolErrorForm(calls),
    register: (scope) => {
      // Bodies are taken apart by the route, whatever they say they are: a JSON parser would hold the event loop.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => body)
      scope.get('', async () => ({ name: serverName, version, extensions }))
      registerHealthRoutes(scope, health)
      const pathOf = (url: string) => parseModelPath(restOfPath(url, 2), verbs, defaultNamespace)
      registerModelRoutes(scope, { calls, limits, pathOf })
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

interface ModelRoutes {
  readonly calls: ModelCalls
  readonly limits: InferLimits
  readonly pathOf: (url: string) => ModelPath
}

function registerModelRoutes(scope: FastifyInstance, { calls, limits, pathOf }: ModelRoutes): void {
  scope.get('/models/*', async ({ url, headers, caller, ip }, reply) => {
    const path = pathOf(url)
    const context = contextOf(headers, caller.tenant, ip)
    if (path.verb === 'ready') return sendReadiness(calls, path, context, reply)
    if (path.verb === '') return metadata(calls, path, context)
    throw new HoldfastError('BAD_REQUEST', `${path.verb} is asked for by POST.`)
  })
  scope.post('/models/*', async (request, reply) => {
    const path = pathOf(request.url)
    if (path.verb !== 'infer')
      throw new HoldfastError('UNKNOWN_ROUTE', `POST .../${path.verb} is not part of the protocol.`)
    return infer({ calls, limits }, path, request, reply)
  })
}

async function sendReadiness(
  calls: ModelCalls,
  { name }: ModelPath,
  context: RequestContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { ready, loading } = await calls.readiness(name, context)
  return reply
    .code(ready ? 200 : 503)
    .send({ name: formatModelName(name), ready, ...(loading === null ? {} : { loading: loadingView(loading) }) })
}

async function metadata(calls: ModelCalls, { name, spelled }: ModelPath, context: RequestContext): Promise<object> {
  const { platform, inputs, outputs, omittedOutputs } = await calls.signature(name, context)
  return { name: spelled, versions: [name.tag], platform, inputs, outputs, ...omittedParameter(omittedOutputs) }
}
