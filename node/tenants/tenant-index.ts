/** What the records of tenants mean, ready to be asked: whose token one is, and whose a namespace is. */
import { timingSafeEqual } from 'node:crypto'
import type { TenantRecord } from '../../core/index.ts'
import type { TenantQuotas } from '../../placement/index.ts'

export class TenantIndex {
  private readonly hashes: readonly { readonly hash: Buffer; readonly tenant: string }[]
  private readonly owners = new Map<string, string>()
  private readonly hidden = new Map<string, string>()
  private readonly quotas: ReadonlyMap<string, TenantQuotas>

  /** @param records in force, in order of names: of two tenants that claim one namespace at the same time the first has it. */
  constructor(records: readonly TenantRecord[]) {
    this.hashes = records.flatMap(({ name, tokens }) =>
      tokens.map(({ sha256 }) => ({ hash: Buffer.from(sha256, 'hex'), tenant: name })),
    )
    this.quotas = new Map(records.map(({ name, quotas }) => [name, quotas]))
    for (const { name: tenant, namespaces } of records) {
      for (const { name, isPrivate } of namespaces) {
        if (this.owners.has(name)) continue
        this.owners.set(name, tenant)
        if (isPrivate) this.hidden.set(name, tenant)
      }
    }
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

  /** Of a private namespace; null for one that everybody may use. */
  privateOwnerOf(namespace: string): string | null {
    return this.hidden.get(namespace) ?? null
  }

  /** Private namespaces that are not the tenant's. */
  hiddenFrom(tenant: string): string[] {
    return [...this.hidden].flatMap(([namespace, owner]) => (owner === tenant ? [] : [namespace]))
  }
}
