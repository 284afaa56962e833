/** Names of tenants and of their namespaces: what they may look like, and those that are no tenant's. */
import { HoldfastError } from '../../common/index.ts'
import { parseModelName } from '../../origin/index.ts'

/** Of callers without a token, where they are let in. */
export const publicTenant = 'public'
/** Of callers with the admin token, and of what operators and the cluster want by themselves. */
export const operatorTenant = 'operator'

const reserved: ReadonlySet<string> = new Set([publicTenant, operatorTenant, 'admin'])

/** BAD_REQUEST. */
export function checkTenantName(name: string): void {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw new HoldfastError(
      'BAD_REQUEST',
      'The name of a tenant has 1 to 63 small letters, digits, `.`, `_` and `-`, and begins with a letter or digit.',
    )
  if (reserved.has(name))
    throw new HoldfastError('BAD_REQUEST', `${name} cannot be the name of a tenant; Holdfast uses it.`)
}

/** BAD_MODEL_NAME. */
export function checkNamespace(namespace: string): void {
  if (namespace.includes('/') || parseModelName(`${namespace}/x`).namespace !== namespace)
    throw new HoldfastError(
      'BAD_MODEL_NAME',
      'A namespace is the first part of a model name, as acme in acme/resnet50.',
    )
}
