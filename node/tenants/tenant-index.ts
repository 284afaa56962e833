/** An index of the records of tenants: the tenant of a token, and the owner of a namespace. */
import { timingSafeEqual } from 'node:crypto'
import type { TenantQuotas } from '../../common/index.ts'
import type { TenantRecord } from '../../core/index.ts'

export class TenantIndex {
  private readonly hashes: readonly { readonly hash: Buffer; readonly tenant: string }[]
  private readonly owners = new Map<string, string>()
  private readonly hidden = new Map<string, string>()
  private readonly quotas: ReadonlyMap<string, TenantQuotas>

  /** There are tenants, or there were: a token that is not known may be one that was revoked. */
  readonly hasHadTenants: boolean

  /**
   * @param all in order of names, removed ones too. Of two tenants that claim one namespace at the same time the one has it for which it is
   * private, else the first: no claim makes a private namespace everybody's.
   */
  constructor(all: readonly TenantRecord[]) {
    const records = all.filter(({ isRemoved }) => !isRemoved)
    this.hasHadTenants = all.length > 0
    this.hashes = records.flatMap(({ name, tokens }) =>
      tokens.map(({ sha256 }) => ({ hash: Buffer.from(sha256, 'hex'), tenant: name })),
    )
    this.quotas = new Map(records.map(({ name, quotas }) => [name, quotas]))
    this.claim(records, true)
    this.claim(records, false)
  }

  get tokenCount(): number {
    return this.hashes.length
  }

  get hasPrivateNames(): boolean {
    return this.hidden.size > 0
  }

  /** Null for a token of nobody. Takes the same time whichever token it is: all are compared, none to an early end. */
  tenantOf(given: Buffer): string | null {
    let found: string | null = null
    for (const { hash, tenant } of this.hashes) if (timingSafeEqual(hash, given)) found = tenant
    return found
  }

  /** Null for one that has none: the public, and the operator. */
  quotasOf(tenant: string): TenantQuotas | null {
    return this.quotas.get(tenant) ?? null
  }

  ownerOf(namespace: string): string | null {
    return this.owners.get(namespace) ?? null
  }

  /** The owner of a private namespace; null for one that everybody may use. */
  privateOwnerOf(namespace: string): string | null {
    return this.hidden.get(namespace) ?? null
  }

  /** Private namespaces that are not the tenant's. */
  hiddenFrom(tenant: string): string[] {
    return [...this.hidden].flatMap(([namespace, owner]) => (owner === tenant ? [] : [namespace]))
  }

  private claim(records: readonly TenantRecord[], ofPrivate: boolean): void {
    for (const { name: tenant, namespaces } of records) {
      for (const { name, isPrivate } of namespaces) {
        if (isPrivate !== ofPrivate || this.owners.has(name)) continue
        this.owners.set(name, tenant)
        if (isPrivate) this.hidden.set(name, tenant)
      }
    }
  }
}
