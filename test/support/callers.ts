/** Callers and names as a node has them that knows certain tenants, and no others. */

import { HoldfastError } from '../../common/errors.ts'
import { quotasOf, type TenantQuotas } from '../../common/index.ts'
import type { TenantRecord } from '../../core/index.ts'
import { AdminTokens } from '../../node/admin/index.ts'
import { Callers, hashOfToken, NameAccess, WrongTokens } from '../../node/tenants/index.ts'
import { TenantIndex } from '../../node/tenants/tenant-index.ts'
import { ManualClock } from './manual-clock.ts'

export interface KnownTenant {
  readonly tokens?: readonly string[]
  readonly quotas?: Partial<TenantQuotas>
  /** Private ones. */
  readonly namespaces?: readonly string[]
  /** Its own, but everybody's to use. */
  readonly open?: readonly string[]
  readonly isRemoved?: boolean
}

/** @param byName in order of names. */
export function tenantRecords(byName: Readonly<Record<string, KnownTenant>>): TenantRecord[] {
  return Object.entries(byName).map(
    ([name, { tokens = [], namespaces = [], open = [], quotas = {}, isRemoved = false }]) => ({
      name,
      tokens: tokens.map((token) => ({ sha256: hashOfToken(token).toString('hex'), createdMs: 1 })),
      revoked: [],
      namespaces: [
        ...namespaces.map((one) => ({ name: one, isPrivate: true })),
        ...open.map((one) => ({ name: one, isPrivate: false })),
      ],
      quotas: quotasOf(quotas),
      isRemoved,
      changedMs: 1,
      by: 'node-a',
    }),
  )
}

export interface CallersSetting {
  readonly adminTokens?: readonly string[]
  readonly openWithoutToken?: boolean
  readonly tenants?: Readonly<Record<string, KnownTenant>>
  readonly hasPublic?: boolean
  readonly wrongMax?: number
}

/** Without settings: nobody has a token, and changes are open. */
export function callersWith({
  adminTokens = [],
  openWithoutToken = true,
  tenants = {},
  hasPublic = true,
  wrongMax = 20,
}: CallersSetting = {}) {
  const clock = new ManualClock()
  const tokens = new AdminTokens(adminTokens, { openWithoutToken })
  const index = new TenantIndex(tenantRecords(tenants))
  const wrongTokens = new WrongTokens({ wrongMax })
  const callers = new Callers({ adminTokens: tokens, tenants: { index }, wrongTokens, clock }, { hasPublic })
  return { callers, clock, tokens, index }
}

/** Names that the node knows, by the digest that they mean. */
export function namesWith(
  tenants: Readonly<Record<string, KnownTenant>> = {},
  known: Readonly<Record<string, string>> = {},
): NameAccess {
  return new NameAccess({
    tenants: { index: new TenantIndex(tenantRecords(tenants)) },
    knownNames: () => Object.entries(known).map(([name, manifest]) => ({ name, ref: { manifest } })),
    unknown: () => new HoldfastError('UNKNOWN_MODEL', 'nobody knows it'),
  })
}
