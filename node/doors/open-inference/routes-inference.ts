/** Open Inference Protocol V2 (JSON): health, model metadata, readiness and inference, at any node for any model. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HoldfastError, isHoldfastError, type RequestContext } from '../../../common/index.ts'
import { formatModelName, type ModelName } from '../../../origin/index.ts'
import type { ResolvedModel } from '../../models/index.ts'
import { remaining, withDeadline } from '../../system/index.ts'
import { loadingView } from '../admin/loading-view.ts'
import { loadingOf } from '../http/errors.ts'
import type { HttpPorts } from '../http/ports.ts'
import { parseModelPath } from './model-path.ts'
import { formatInferResponse, parseInferRequest } from './v2-json.ts'

const serverName = 'holdfast'
const tenantLengthMax = 128

export function registerInferenceRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get('/v2', async () => ({ name: serverName, version: ports.cluster().version, extensions: [] }))
  app.get<{ Params: { '*': string } }>('/v2/models/*', async (request, reply) => {
    const { name, verb } = parseModelPath(request.params['*'])
    if (verb === 'ready') return sendReadiness(ports, name, contextOf(request), reply)
    if (verb === '') return metadata(ports, name, contextOf(request))
    throw new HoldfastError('BAD_REQUEST', `${verb} is asked for by POST.`)
  })
  app.post<{ Params: { '*': string } }>('/v2/models/*', async (request, reply) => {
    const { name, verb } = parseModelPath(request.params['*'])
    if (verb !== 'infer') throw new HoldfastError('UNKNOWN_ROUTE', `POST .../${verb} is not part of the protocol.`)
    return infer(ports, name, request, reply)
  })
}

/** Ready means that this node can answer without a fetch: it holds the model, or a usable peer does. */
async function sendReadiness(
  ports: HttpPorts,
  name: ModelName,
  context: RequestContext,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { resolved } = await resolveInTime(ports, name, context)
  const ready = ports.isServable(resolved)
  const loading = ports.loading(resolved.digest)
  return reply
    .code(ready ? 200 : 503)
    .send({ name: formatModelName(name), ready, ...(loading === null ? {} : { loading: loadingView(loading) }) })
}

async function metadata(ports: HttpPorts, name: ModelName, context: RequestContext): Promise<object> {
  const { resolved, left } = await resolveInTime(ports, name, context)
  const signature = ports.signature(resolved, left)
  const { platform, inputs, outputs } = await withDeadline(signature, left, `loading ${formatModelName(name)}`)
  return { name: `${name.namespace}/${name.name}`, versions: [name.tag], platform, inputs, outputs }
}

async function infer(
  ports: HttpPorts,
  name: ModelName,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const parsed = parseInferRequest(request.body)
  const context = contextOf(request)
  const gone = new AbortController()
  // Of the reply: the request itself closes as soon as its body has been read.
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded)
      gone.abort(new HoldfastError('DEADLINE_EXCEEDED', 'the client closed the connection.'))
  })
  const { resolved, left } = await resolveInTime(ports, name, context)
  const asked = {
    name: formatModelName(name),
    resolved,
    inputs: parsed.inputs,
    outputs: parsed.outputs ?? null,
    context: left,
    mayForward: mayForward(request),
    requestId: request.id,
    signal: gone.signal,
  }
  const answer = await withLoading(ports, resolved, ports.inference.infer(asked))
  reply.header('holdfast-served-by', answer.servedBy)
  reply.header('holdfast-served-from', answer.servedFrom)
  reply.header('holdfast-elapsed-ms', answer.elapsedMs.toFixed(2))
  reply.header('holdfast-model', `sha256:${resolved.digest}`)
  const id = parsed.id === undefined ? {} : { id: parsed.id }
  return reply.send(
    formatInferResponse({
      modelName: `${name.namespace}/${name.name}`,
      modelVersion: name.tag,
      ...id,
      outputs: answer.outputs,
    }),
  )
}

/** Whoever is told to come back is told how far the model is that they wait for. */
async function withLoading<T>(ports: HttpPorts, { digest }: ResolvedModel, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const loading = ports.loading(digest)
    if (loading !== null && isHoldfastError(error)) loadingOf.set(error, loadingView(loading))
    throw error
  }
}

/** A name may have to be looked up at an origin that is far: that is part of the caller's time. */
export async function resolveInTime(
  ports: HttpPorts,
  name: ModelName,
  context: RequestContext,
): Promise<{ resolved: ResolvedModel; left: RequestContext }> {
  const startedMs = ports.clock.nowMs()
  const resolved = await withDeadline(ports.resolve(name), context, `looking up ${formatModelName(name)}`)
  return { resolved, left: remaining(context, ports.clock.nowMs() - startedMs) }
}

/** `holdfast-tenant` and `holdfast-deadline-ms` travel with the request, also to other nodes. */
export function contextOf(request: FastifyRequest): RequestContext {
  const tenant = headerOf(request, 'holdfast-tenant') ?? 'public'
  const deadline = headerOf(request, 'holdfast-deadline-ms')
  if (tenant.length === 0 || tenant.length > tenantLengthMax) {
    throw new HoldfastError('BAD_REQUEST', `holdfast-tenant has to have 1 to ${tenantLengthMax} characters.`)
  }
  const deadlineMs = deadline === null ? Number.POSITIVE_INFINITY : Number(deadline)
  if (!(deadlineMs > 0)) throw new HoldfastError('BAD_REQUEST', 'holdfast-deadline-ms has to be a positive number.')
  return { tenant, deadlineMs }
}

/** `holdfast-forward: never` asks this node to serve the request itself. */
function mayForward(request: FastifyRequest): boolean {
  const value = headerOf(request, 'holdfast-forward')
  if (value !== null && value !== 'never')
    throw new HoldfastError('BAD_REQUEST', 'holdfast-forward can only be `never`.')
  return value === null
}

function headerOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' ? value : null
}
