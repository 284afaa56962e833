/** The tenants of the cluster, known to every node (shared-records.ts). A removed one is a record that says so, without tokens. */
import type { TenantQuotas } from '../../common/index.ts'
import type { TenantRecord } from '../events.ts'
import { type RecordReader, SharedRecords } from './shared-records.ts'

export interface TenantSetOptions {
  /** With so many others that publish a record this node need not: three may be lost at once without harm. */
  readonly voicesMax: number
  /** Tenants of the cluster, and removed ones where there is room. Each is some 300 bytes in the state entries of some nodes. */
  readonly tenantsMax: number
  /** Tenants in force that one node may be the first to tell of: as many as operators may make, on one node too. */
  readonly tenantsPerAuthorMax: number
  /** A removed tenant is forgotten after this: a node that was away for longer may bring it back. A month. */
  readonly removedKeptMs: number
}

export const defaultTenantSetOptions: TenantSetOptions = {
  voicesMax: 3,
  tenantsMax: 128,
  tenantsPerAuthorMax: 96,
  removedKeptMs: 30 * 86_400_000,
}

export type TenantReader = RecordReader<TenantRecord> & Pick<TenantSet, 'get'>

/** Null for one that has none: the public, and the operator. */
export function quotasIn(tenants: Pick<TenantReader, 'get'>, tenant: string): TenantQuotas | null {
  const record = tenants.get(tenant)
  return record === undefined || record.isRemoved ? null : record.quotas
}

/** The share of a tenant beside the others. */
export function weightIn(tenants: Pick<TenantReader, 'get'>, tenant: string): number {
  return quotasIn(tenants, tenant)?.weight ?? 1
}

export class TenantSet extends SharedRecords<TenantRecord> {
  constructor(options: TenantSetOptions = defaultTenantSetOptions) {
    const { voicesMax, tenantsMax, tenantsPerAuthorMax, removedKeptMs } = options
    const isInForce = ({ isRemoved }: TenantRecord) => !isRemoved
    super({ voicesMax, removedKeptMs, recordsMax: tenantsMax, perAuthorMax: tenantsPerAuthorMax, isInForce })
  }
}
