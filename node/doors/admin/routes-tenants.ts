/** Tenants over HTTP: their records by the admin, and a tenant's own record by its token. */
import type { FastifyInstance } from 'fastify'
import { HoldfastError, isQuotaValue, quotaNames, quotaTable, type TenantQuotas } from '../../../common/index.ts'
import type { TenantNamespace, TenantRegistry, TenantSettings } from '../../tenants/index.ts'
import { fieldsOf } from './fields.ts'

export type TenantCalls = Pick<TenantRegistry, 'list' | 'get' | 'put' | 'remove' | 'addToken' | 'revokeToken'>

type Named = { Params: { tenant: string }; Body: unknown }
type Token = { Params: { tenant: string; id: string } }

export function registerTenantRoutes(scope: FastifyInstance, tenants: TenantCalls): void {
  scope.get('/tenant', async ({ caller }) => {
    if (caller.role === 'tenant') return tenants.get(caller.tenant)
    throw new HoldfastError('BAD_REQUEST', 'The admin token is of no tenant; ask for /v1/tenants.')
  })
  scope.get('/tenants', async () => ({ tenants: tenants.list() }))
  scope.get<Named>('/tenants/:tenant', async ({ params }) => tenants.get(params.tenant))
  scope.put<Named>('/tenants/:tenant', async ({ params, body }) => tenants.put(params.tenant, settingsOf(body)))
  scope.delete<Named>('/tenants/:tenant', async ({ params: { tenant } }) => {
    return { tenant, removed: await tenants.remove(tenant) }
  })
  scope.post<Named>('/tenants/:tenant/tokens', async ({ params }, reply) => {
    return reply.code(201).send(await tenants.addToken(params.tenant))
  })
  scope.delete<Token>('/tenants/:tenant/tokens/:id', async ({ params: { tenant, id } }) => {
    return { tenant, id, revoked: await tenants.revokeToken(tenant, id) }
  })
}

function settingsOf(body: unknown): TenantSettings {
  const { namespaces, quotas } = fieldsOf(body, ['namespaces', 'quotas'])
  return {
    ...(namespaces === undefined ? {} : { namespaces: namespacesOf(namespaces) }),
    ...(quotas === undefined ? {} : { quotas: quotasOf(quotas) }),
  }
}

function namespacesOf(value: unknown): TenantNamespace[] {
  if (!Array.isArray(value)) throw new HoldfastError('BAD_REQUEST', '`namespaces` has to be a list.')
  return value.map((one) => {
    const { name, isPrivate = false } = fieldsOf(one, ['name', 'isPrivate'])
    if (typeof name !== 'string' || typeof isPrivate !== 'boolean')
      throw new HoldfastError('BAD_REQUEST', 'A namespace is like {"name": "acme", "isPrivate": true}.')
    return { name, isPrivate }
  })
}

function quotasOf(value: unknown): Partial<TenantQuotas> {
  const given = fieldsOf(value, quotaNames)
  for (const name of quotaNames) {
    const { minimum, maximum } = quotaTable[name]
    if (given[name] === undefined || isQuotaValue(name, given[name])) continue
    throw new HoldfastError('BAD_REQUEST', `\`${name}\` has to be a whole number from ${minimum} to ${maximum}.`)
  }
  return given as Partial<TenantQuotas>
}
