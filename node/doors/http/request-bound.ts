/**
 * How many requests the interface works on at one time: each holds its body in memory. The next one is OVERLOADED at once. A request counts
 * from when it has arrived whole: those that are still on their way have a bound of their own (half-sent.ts).
 */
import type { FastifyInstance } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'

export function boundRequests(app: FastifyInstance, requestsMax: number): void {
  const admitted = new WeakSet<object>()
  let running = 0
  const check = () => {
    if (running < requestsMax) return
    throw new HoldfastError(
      'OVERLOADED',
      `${requestsMax} requests are being answered, which is the most (http.requestsMax).`,
    )
  }
  app.addHook('onRequest', async (request) => {
    if (!request.routeOptions.config.isProbe) check()
  })
  app.addHook('preValidation', async (request, reply) => {
    if (request.routeOptions.config.isProbe) return
    check()
    running += 1
    admitted.add(request)
    // Also when the client goes before it was answered.
    reply.raw.once('close', () => {
      if (admitted.delete(request)) running -= 1
    })
  })
}
