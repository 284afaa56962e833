/**
 * The role that each route of a node needs, in one table. A route that is not in it answers the admin alone, and a test fails for it.
 * docs/reference/http.md is written from it.
 *
 * anyone: also where the public is shut out. public: everybody, or tenants and the admin where the public is shut out. tenant: callers with
 * the token of a tenant, and the admin. admin: callers with the admin token.
 */
import type { Role } from '../../tenants/index.ts'

export type RouteRole = 'anyone' | Role

export const routeRoles: Readonly<Record<string, RouteRole>> = {
  'GET /livez': 'anyone',
  'GET /readyz': 'anyone',
  'GET /metrics': 'public',

  'GET /v2': 'anyone',
  'GET /v2/health/live': 'anyone',
  'GET /v2/health/ready': 'anyone',
  'GET /v2/models/*': 'public',
  'POST /v2/models/*': 'public',

  'GET /v1/status': 'public',
  'GET /v1/cluster': 'public',
  'GET /v1/models': 'public',
  'GET /v1/fetches': 'public',
  'GET /v1/fetches/:id': 'public',
  'GET /v1/route/*': 'public',
  'GET /v1/predict/*': 'public',
  'GET /v1/paths/*': 'public',
  'GET /v1/plan': 'public',

  'GET /v1/pins': 'public',
  'PUT /v1/pins/*': 'tenant',
  'DELETE /v1/pins/*': 'tenant',
  'GET /v1/prefetch': 'public',
  'POST /v1/prefetch/*': 'admin',
  'POST /v1/evict/*': 'admin',
  'POST /v1/invalidate/*': 'admin',
  'GET /v1/verify': 'public',
  'POST /v1/verify': 'admin',
  'GET /v1/bans': 'public',
  'PUT /v1/bans/:node': 'admin',
  'DELETE /v1/bans/:node': 'admin',

  'GET /v1/tenant': 'tenant',
  'GET /v1/tenants': 'admin',
  'GET /v1/tenants/:tenant': 'admin',
  'PUT /v1/tenants/:tenant': 'admin',
  'DELETE /v1/tenants/:tenant': 'admin',
  'POST /v1/tenants/:tenant/tokens': 'admin',
  'DELETE /v1/tenants/:tenant/tokens/:id': 'admin',
}

/** The path of a route as openapi.yaml has it: names of models have slashes, so that a path ends with them. */
export function fastifyPath(described: string): string {
  return described.replace(/\{name\}.*$/, '*').replace(/\{(\w+)\}/g, ':$1')
}

export function roleOf(method: string, path: string): RouteRole {
  return routeRoles[`${method === 'HEAD' ? 'GET' : method} ${path}`] ?? 'admin'
}
