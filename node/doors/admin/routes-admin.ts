/**
 * The admin interface over HTTP. Reading is open to all that reach the interface, as the other views are; what changes something
 * takes `Authorization: Bearer <admin token>`, unless the node is bound to loopback and has no token.
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fastestTier, HoldfastError, isLocalTier, type LocalTier, withNamespace } from '../../../common/index.ts'
import { parseModelName, parseModelReference } from '../../../origin/index.ts'
import type { Admin } from '../../admin/index.ts'

type Named = { Params: { '*': string }; Body: unknown }

export function registerAdminRoutes(scope: FastifyInstance, admin: Admin, defaultNamespace: string): void {
  const fullName = (params: Named['Params']) => withNamespace(params['*'], defaultNamespace)
  const changing = {
    onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('www-authenticate', 'Bearer')
      admin.tokens.check(request.headers.authorization)
      reply.removeHeader('www-authenticate')
    },
  }
  scope.get('/status', async () => admin.status())
  scope.get<{ Querystring: Record<string, unknown> }>('/plan', async ({ query }) => {
    const { tier, bytes } = fieldsOf(query, ['tier', 'bytes'])
    const plan = admin.plan(tierOf(tier), bytes === undefined ? null : countOf(bytes, 'bytes'))
    return { ...plan, placement: admin.placement() }
  })

  scope.get('/pins', async () => admin.pinned())
  scope.put<Named>('/pins/*', changing, async ({ params, body }) => {
    const { tier, replicas } = fieldsOf(body, ['tier', 'replicas'])
    return admin.pin(parseModelReference(fullName(params)), tierOf(tier), replicasOf(replicas))
  })
  scope.delete<Named>('/pins/*', changing, async ({ params }) => {
    return { name: params['*'], unpinned: await admin.unpin(parseModelReference(fullName(params))) }
  })

  scope.get('/prefetch', async () => ({ prefetches: admin.prefetches.list() }))
  scope.post<Named>('/prefetch/*', changing, async ({ params, body }, reply) => {
    const reference = parseModelReference(fullName(params))
    return reply.code(202).send(await admin.prefetches.begin(reference, tierOf(fieldsOf(body, ['tier']).tier)))
  })

  scope.post<Named>('/evict/*', changing, async ({ params, body }) => {
    const { disk = false } = fieldsOf(body, ['disk'])
    if (typeof disk !== 'boolean') throw new HoldfastError('BAD_REQUEST', '`disk` has to be true or false.')
    return admin.evict(parseModelReference(fullName(params)), { disk })
  })
  scope.post<Named>('/invalidate/*', changing, async ({ params }) => admin.invalidate(parseModelName(fullName(params))))

  scope.get('/verify', async () => ({ scrub: admin.scrubber.last() }))
  scope.post('/verify', changing, async (_request, reply) => reply.code(202).send({ scrub: admin.scrubber.begin() }))

  scope.get('/bans', async () => ({ bans: admin.bans.list() }))
  scope.put<{ Params: { node: string } }>('/bans/:node', changing, async ({ params }) => admin.bans.ban(params.node))
  scope.delete<{ Params: { node: string } }>('/bans/:node', changing, async ({ params }) => {
    return { node: params.node, unbanned: await admin.bans.unban(params.node) }
  })
}

/** The named fields of a body or query; a misspelt one must not silently be no field. */
function fieldsOf<K extends string>(value: unknown, known: readonly K[]): Partial<Record<K, unknown>> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new HoldfastError('BAD_REQUEST', 'The body has to be a JSON object.')
  const unknown = Object.keys(value).find((key) => !(known as readonly string[]).includes(key))
  if (unknown === undefined) return value
  throw new HoldfastError(
    'BAD_REQUEST',
    `There is no field ${JSON.stringify(unknown)} here; there is ${known.join(', ')}.`,
  )
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
