/** Lets a request in or refuses it, before its body is read and before anything is looked up for it. */
import type { FastifyInstance } from 'fastify'
import type { Caller, Callers } from '../../tenants/index.ts'
import { type RouteRole, roleOf } from './route-roles.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The tenant and role of the request. */
    caller: Caller
  }
}

/** The caller of a probe, which shows no token. */
const nobody: Caller = { role: 'public', tenant: 'public' }

export function admitCallers(app: FastifyInstance, callers: Pick<Callers, 'admit'>): void {
  app.decorateRequest('caller', null as unknown as Caller)
  app.addHook('onRequest', async (request) => {
    const path = request.routeOptions.url
    // An unknown path gets 404 whatever the caller is.
    const role: RouteRole = path === undefined ? 'anyone' : roleOf(request.method, path)
    const { authorization, 'holdfast-tenant': named } = request.headers
    request.caller =
      role === 'anyone'
        ? nobody
        : callers.admit(
            { authorization, named: named === undefined ? undefined : String(named), address: request.ip },
            role,
          )
  })
}
