/**
 * The admin interface over HTTP. Reading is open to all that reach the interface, as the other views are, but for private names; what changes
 * something takes the admin token (route-roles.ts), unless the node is bound to loopback and has no token.
 */

import type { FastifyInstance } from 'fastify'
import { fastestTier, HoldfastError, isLocalTier, type LocalTier, withNamespace } from '../../../common/index.ts'
import { parseModelName, parseModelReference } from '../../../origin/index.ts'
import { type Admin, textOf } from '../../admin/index.ts'
import type { PinQuota } from '../../tenants/index.ts'
import { fieldsOf } from './fields.ts'
import { type NameFilter, onlyKnown } from './only-known.ts'

type Named = { Params: { '*': string }; Body: unknown }

export interface AdminRoutes {
  readonly admin: Admin
  readonly names: NameFilter
  readonly pinQuota: Pick<PinQuota, 'during'>
  /** Namespace of names that are written without one. */
  readonly defaultNamespace: string
}

export function registerAdminRoutes(
  scope: FastifyInstance,
  { admin, names, pinQuota, defaultNamespace }: AdminRoutes,
): void {
  const fullName = (params: Named['Params']) => withNamespace(params['*'], defaultNamespace)
  const only = onlyKnown(names)
  scope.get('/status', async ({ caller }) => only.status(caller, admin.status()))
  scope.get<{ Querystring: Record<string, unknown> }>('/plan', async ({ query, caller }) => {
    const { tier, bytes } = fieldsOf(query, ['tier', 'bytes'])
    const plan = admin.plan(tierOf(tier), bytes === undefined ? null : countOf(bytes, 'bytes'))
    return only.plan(caller, { ...plan, placement: admin.placement() })
  })

  scope.get('/pins', async ({ caller }) => only.pins(caller, admin.pinned()))
  scope.put<Named>('/pins/*', async ({ params, body, caller: { tenant } }) => {
    const { tier, replicas } = fieldsOf(body, ['tier', 'replicas'])
    const [inTier, replicaCount] = [tierOf(tier), replicasOf(replicas)]
    const reference = parseModelReference(fullName(params))
    names.checkOwn(tenant, reference)
    const pin = { name: textOf(reference), replicaCount: replicaCount ?? 1 }
    return pinQuota.during(tenant, pin, () => admin.pin(reference, inTier, replicaCount))
  })
  scope.delete<Named>('/pins/*', async ({ params, caller: { tenant } }) => {
    const reference = parseModelReference(fullName(params))
    names.checkOwn(tenant, reference)
    return { name: params['*'], unpinned: await admin.unpin(reference) }
  })

  scope.get('/prefetch', async ({ caller }) => ({ prefetches: only.named(caller, admin.prefetches.list()) }))
  scope.post<Named>('/prefetch/*', async ({ params, body }, reply) => {
    const reference = parseModelReference(fullName(params))
    return reply.code(202).send(await admin.prefetches.begin(reference, tierOf(fieldsOf(body, ['tier']).tier)))
  })

  scope.post<Named>('/evict/*', async ({ params, body }) => {
    const { disk = false } = fieldsOf(body, ['disk'])
    if (typeof disk !== 'boolean') throw new HoldfastError('BAD_REQUEST', '`disk` has to be true or false.')
    return admin.evict(parseModelReference(fullName(params)), { disk })
  })
  scope.post<Named>('/invalidate/*', async ({ params }) => admin.invalidate(parseModelName(fullName(params))))

  scope.get('/verify', async ({ caller }) => ({ scrub: only.scrub(caller, admin.scrubber.last()) }))
  scope.post('/verify', async (_request, reply) => reply.code(202).send({ scrub: admin.scrubber.begin() }))

  scope.get('/bans', async () => ({ bans: admin.bans.list() }))
  scope.put<{ Params: { node: string } }>('/bans/:node', async ({ params }) => admin.bans.ban(params.node))
  scope.delete<{ Params: { node: string } }>('/bans/:node', async ({ params }) => {
    return { node: params.node, unbanned: await admin.bans.unban(params.node) }
  })
}

function tierOf(value: unknown): LocalTier {
  if (value === undefined) return fastestTier
  if (isLocalTier(value)) return value
  throw new HoldfastError('BAD_REQUEST', '`tier` has to be memory or disk.')
}

/** null: on this node alone. */
function replicasOf(value: unknown): number | null {
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new HoldfastError('BAD_REQUEST', '`replicas` has to be a whole number from 1.')
}

function countOf(value: unknown, name: string): number {
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw new HoldfastError('BAD_REQUEST', `\`${name}\` has to be a whole number.`)
}
