/**
 * Rules of the store's socket, from the records of tenants and the file of store.accessFile. The token of a tenant makes a client that
 * tenant. Where there is a file, it says what everybody may open, and a tenant's token opens the tenant's own namespaces; without one
 * everybody may open everything but the private namespaces of others.
 */
import type { TenantRecord } from '../../core/index.ts'
import type { AccessRule } from '../../native/index.ts'
import { publicTenant } from './names.ts'
import { TenantIndex } from './tenant-index.ts'

export interface StoreRulesOptions {
  /** Clients without a token are let in. */
  readonly hasPublic: boolean
}

/** A rule of the operator of this machine, before private namespaces are taken from it. */
export type FileRule = Omit<AccessRule, 'hidden' | 'isForAnyone'>

/** @param all removed ones too: a token that was revoked is refused, not taken for none. @param file null: there is none. @returns none where everybody may open everything. */
export function storeRules(
  all: readonly TenantRecord[],
  file: readonly FileRule[] | null,
  { hasPublic }: StoreRulesOptions,
): AccessRule[] {
  const index = new TenantIndex(all)
  const records = all.filter(({ isRemoved }) => !isRemoved)
  if (!index.hasHadTenants && file === null && hasPublic) return []
  const own = records
    .filter(({ tokens }) => tokens.length > 0)
    .map(({ name, tokens, namespaces }): AccessRule => {
      return {
        tenant: name,
        uids: [],
        tokenDigests: tokens.map(({ sha256 }) => sha256),
        models: file === null ? ['*'] : namespaces.map((namespace) => `${namespace.name}/*`),
        mayList: true,
        hidden: index.hiddenFrom(name),
        isForAnyone: false,
      }
    })
  const others = (file ?? []).map((rule) => ({
    ...rule,
    hidden: index.hiddenFrom(rule.tenant === '' ? publicTenant : rule.tenant),
    isForAnyone: false,
  }))
  return [...own, ...others, ...(file === null ? [everybodyElse(index, hasPublic)] : [])]
}

/** A rule that fits nobody where the public is shut out: no rule at all would let everybody in. */
function everybodyElse(index: TenantIndex, isForAnyone: boolean): AccessRule {
  const hidden = index.hiddenFrom(publicTenant)
  return { tenant: publicTenant, uids: [], tokenDigests: [], models: ['*'], mayList: true, hidden, isForAnyone }
}
