/** How many requests the interface works on at one time: each holds its body in memory. The next one is OVERLOADED at once. */
import type { FastifyInstance } from 'fastify'
import { HoldfastError } from '../../../common/index.ts'

export function boundRequests(app: FastifyInstance, requestsMax: number): void {
  const admitted = new WeakSet<object>()
  let running = 0
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.isProbe) return
    if (running >= requestsMax) {
      throw new HoldfastError(
        'OVERLOADED',
        `${requestsMax} requests are being answered, which is the most (http.requestsMax).`,
      )
    }
    running += 1
    admitted.add(request)
    // Also when the client goes before it was answered.
    reply.raw.once('close', () => {
      if (admitted.delete(request)) running -= 1
    })
  })
}
