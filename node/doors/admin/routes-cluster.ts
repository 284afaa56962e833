/** Our own views: who is in the cluster, which models are where, how a request would be routed and why, and metrics. */
import type { FastifyInstance } from 'fastify'
import { formatModelName, parseModelReference } from '../../../origin/index.ts'
import type { HttpPorts } from '../http/ports.ts'
import { parseModelPath } from '../open-inference/model-path.ts'
import { contextOf, resolveInTime } from '../open-inference/routes-inference.ts'

export function registerClusterRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get('/v1/cluster', async () => ports.cluster())
  app.get('/v1/models', async () => ({ models: ports.models() }))
  app.get<{ Params: { '*': string } }>('/v1/route/*', async (request) => {
    const { name } = parseModelPath(request.params['*'])
    const { resolved, left } = await resolveInTime(ports, name, contextOf(request))
    const ageMs = Number.isFinite(resolved.ageMs) ? Math.round(resolved.ageMs) : null
    const decision = ports.route(resolved, left)
    return { name: formatModelName(name), model: resolved.digest, refAgeMs: ageMs, decision }
  })
  app.get<{ Params: { '*': string } }>('/v1/paths/*', async (request) => {
    const reference = parseModelReference(request.params['*'])
    if (reference.kind === 'digest') return ports.paths(await ports.resolveDigest(reference.digest))
    return ports.paths(await ports.resolve(reference.name))
  })
  app.get('/metrics', async (_request, reply) => {
    return reply.type(ports.metrics.contentType).send(await ports.metrics.metrics())
  })
}
