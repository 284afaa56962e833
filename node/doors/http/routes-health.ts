/**
 * Is the node alive, and is it ready: for load balancers, orchestrators and people. `/livez` and `/readyz` say why not;
 * `/v2/health/*` are the Open Inference Protocol's form of the same.
 */
import type { FastifyInstance } from 'fastify'
import type { HttpPorts } from './ports.ts'

export function registerHealthRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get('/livez', async (_request, reply) => {
    const { alive, reason } = await ports.pulse()
    return reply.code(alive ? 200 : 503).send(alive ? { alive } : { alive, reason })
  })
  app.get('/readyz', async (_request, reply) => {
    const reason = ports.whyNotReady()
    return reply.code(reason === null ? 200 : 503).send(reason === null ? { ready: true } : { ready: false, reason })
  })
  app.get('/v2/health/live', async (_request, reply) => {
    const { alive } = await ports.pulse()
    return reply.code(alive ? 200 : 503).send({ live: alive })
  })
  app.get('/v2/health/ready', async (_request, reply) => {
    const ready = ports.whyNotReady() === null
    return reply.code(ready ? 200 : 503).send({ ready })
  })
}
