/** Names of tenants and of their namespaces: what they may look like, and those that are no tenant's. */
import { HoldfastError, isHoldfastError } from '../../common/index.ts'
import { isReservedTenantName, isTenantName } from '../../core/index.ts'
import { type ModelReference, parseModelName, parseModelReference } from '../../origin/index.ts'

/** Tenant of callers without a token, where they are let in. */
export const publicTenant = 'public'
/** Tenant of callers with the admin token, and of work that operators and the cluster start. */
export const operatorTenant = 'operator'

/** BAD_REQUEST. */
export function checkTenantName(name: string): void {
  if (isReservedTenantName(name))
    throw new HoldfastError('BAD_REQUEST', `${name} cannot be the name of a tenant; Holdfast uses it.`)
  if (!isTenantName(name))
    throw new HoldfastError(
      'BAD_REQUEST',
      'The name of a tenant has 1 to 63 small letters, digits, `.`, `_` and `-`, and begins with a letter or digit.',
    )
}

/** BAD_MODEL_NAME. */
export function checkNamespace(namespace: string): void {
  if (namespace.includes('/') || parseModelName(`${namespace}/x`).namespace !== namespace)
    throw new HoldfastError(
      'BAD_MODEL_NAME',
      'A namespace is the first part of a model name, as acme in acme/resnet50.',
    )
}

/** A member may gossip any text as the name of a pin. Null for one that is no name. */
export function referenceOf(text: string): ModelReference | null {
  try {
    return parseModelReference(text)
  } catch (error) {
    if (isHoldfastError(error)) return null
    throw error
  }
}
