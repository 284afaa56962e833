/** Is the node alive, and is it ready, and if not, why: for load balancers, orchestrators and people. */
import { type HttpDoor, probe } from './door.ts'
import { ownErrorForm } from './errors.ts'

export interface NodeHealth {
  readonly pulse: () => Promise<{ readonly alive: boolean; readonly reason: string | null }>
  /** Null when the node is ready. */
  readonly whyNotReady: () => string | null
}

export function healthDoor(health: NodeHealth): HttpDoor {
  return {
    prefix: '',
    errorForm: ownErrorForm,
    register: (scope) => {
      scope.get('/livez', probe, async (_request, reply) => {
        const { alive, reason } = await health.pulse()
        return reply.code(alive ? 200 : 503).send(alive ? { alive } : { alive, reason })
      })
      scope.get('/readyz', probe, async (_request, reply) => {
        const reason = health.whyNotReady()
        return reply
          .code(reason === null ? 200 : 503)
          .send(reason === null ? { ready: true } : { ready: false, reason })
      })
    },
  }
}
