/** The tenants of the cluster, known to every node (shared-records.ts). A removed one is a record that says so, without tokens. */
import type { NodeId, TenantQuotas } from '../../common/index.ts'
import type { RevokedToken, TenantRecord } from '../events.ts'
import { changedMsMax } from './entry-format.ts'
import { compareIds } from './interner.ts'
import { changedRecord, type RecordReader, SharedRecords } from './shared-records.ts'

export interface TenantSetOptions {
  /** With so many others that publish a record this node need not: three may be lost at once without harm. */
  readonly voicesMax: number
  /** Tenants of the cluster, and removed ones where there is room. Each is 300 bytes to 3.5 kB in the state entries of some nodes. */
  readonly tenantsMax: number
  /** Tenants in force that one node may be the first to tell of: as many as operators may make, on one node too. */
  readonly tenantsPerAuthorMax: number
  /** A removed tenant is forgotten after this: a node that was away for longer may bring it back. A month. */
  readonly removedKeptMs: number
  /** Revoked tokens of one tenant that are remembered. */
  readonly revokedMax: number
}

export const defaultTenantSetOptions: TenantSetOptions = {
  voicesMax: 3,
  tenantsMax: 128,
  tenantsPerAuthorMax: 96,
  removedKeptMs: 30 * 86_400_000,
  revokedMax: 6,
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
    const { voicesMax, tenantsMax, tenantsPerAuthorMax, removedKeptMs, revokedMax } = options
    const isInForce = ({ isRemoved }: TenantRecord) => !isRemoved
    const join = (later: TenantRecord, earlier: TenantRecord) => withRevocations(later, earlier.revoked, revokedMax)
    super({ voicesMax, removedKeptMs, recordsMax: tenantsMax, perAuthorMax: tenantsPerAuthorMax, isInForce, join })
  }
}

/**
 * The record, or a further change of it where it does not know of all these revocations: a node that had not heard of one may have changed
 * something else of the tenant later, and a token that was revoked stays so.
 */
function withRevocations(record: TenantRecord, others: readonly RevokedToken[], revokedMax: number): TenantRecord {
  const revoked = revokedOf([...record.revoked, ...others], revokedMax)
  const hashes = new Set(revoked.map(({ sha256 }) => sha256))
  const tokens = record.tokens.filter(({ sha256 }) => !hashes.has(sha256))
  const knewAll = record.revoked.every(({ sha256 }, at) => sha256 === revoked[at]?.sha256)
  if (knewAll && revoked.length === record.revoked.length && tokens.length === record.tokens.length) return record
  return { ...record, tokens, revoked, changedMs: Math.min(changedMsMax, record.changedMs + 1) }
}

/** Each once, in order of their first revocation, and the latest ones of too many. */
function revokedOf(all: readonly RevokedToken[], revokedMax: number): RevokedToken[] {
  const first = new Map<string, RevokedToken>()
  for (const one of all) {
    if (one.revokedMs < (first.get(one.sha256)?.revokedMs ?? Number.POSITIVE_INFINITY)) first.set(one.sha256, one)
  }
  const order = (a: RevokedToken, b: RevokedToken) => a.revokedMs - b.revokedMs || compareIds(a.sha256, b.sha256)
  return [...first.values()].sort(order).slice(-revokedMax)
}

/** The change of a tenant, with the tokens that it takes away from what was known as revoked ones. */
export function changedTenant(
  change: Omit<TenantRecord, 'by' | 'changedMs' | 'revoked'>,
  known: TenantRecord | undefined,
  by: NodeId,
  wallMs: number,
): TenantRecord {
  const kept = new Set(change.tokens.map(({ sha256 }) => sha256))
  const gone = (known?.tokens ?? []).filter(({ sha256 }) => !kept.has(sha256))
  const revokedMs = Math.max(0, Math.floor(wallMs))
  const all = [...(known?.revoked ?? []), ...gone.map(({ sha256 }) => ({ sha256, revokedMs }))]
  return changedRecord({ ...change, revoked: revokedOf(all, defaultTenantSetOptions.revokedMax) }, known, by, wallMs)
}
