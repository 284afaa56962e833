import type { Registry } from 'prom-client'
import { type HttpDoor, ownErrorForm, probe } from '../http/index.ts'

/** Metrics for Prometheus. */
export function metricsDoor(registry: Registry): HttpDoor {
  return {
    prefix: '',
    errorForm: ownErrorForm,
    register: (scope) => {
      scope.get('/metrics', probe, async (_request, reply) => {
        return reply.type(registry.contentType).send(await registry.metrics())
      })
    },
  }
}
