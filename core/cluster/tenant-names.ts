/** Names of tenants, as operators may give them and as other nodes may tell them. */

import { isModelNamePart, modelNamePartLengthMax } from '../../common/index.ts'

/** Callers without a token, the operator, and a word that would be read as a role: no tenant can be called so. */
const reserved: ReadonlySet<string> = new Set(['public', 'operator', 'admin'])

export function isReservedTenantName(name: string): boolean {
  return reserved.has(name)
}

export function isTenantName(name: string): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name) && !reserved.has(name)
}

/** The first part of names of models: nothing that a rule of the store would read as a pattern. */
export function isNamespaceName(name: string): boolean {
  return name.length <= modelNamePartLengthMax && isModelNamePart(name)
}
