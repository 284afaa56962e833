/** Namespaces of a tenant after `holdfast tenant add`: what is passed is set, what is dropped goes, and the rest stays. */
import { HoldfastError } from '../../common/index.ts'
import type { TenantNamespace } from '../../node/tenants/index.ts'

export interface NamespaceFlags {
  readonly namespace: readonly string[]
  readonly private: readonly string[]
  readonly dropNamespace: readonly string[]
}

/** BAD_REQUEST when a namespace is to go that is none of `known`. */
export function namespacesAfter(known: readonly TenantNamespace[], flags: NamespaceFlags): TenantNamespace[] {
  const given = [
    ...flags.namespace.map((name) => ({ name, isPrivate: false })),
    ...flags.private.map((name) => ({ name, isPrivate: true })),
  ]
  const stranger = flags.dropNamespace.find((name) => !known.some((one) => one.name === name))
  if (stranger !== undefined)
    throw new HoldfastError('BAD_REQUEST', `The tenant has no namespace ${stranger}; holdfast tenant show lists them.`)
  const replaced = new Set([...given.map(({ name }) => name), ...flags.dropNamespace])
  return [...known.filter(({ name }) => !replaced.has(name)), ...given]
}
