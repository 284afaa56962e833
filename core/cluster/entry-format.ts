/**
 * The format of entries, as one table: what a body of each kind says, how that is checked and travels, which change of it is worth a
 * message, and what it changes for an index by model. A new field is a line here and one in events.ts.
 *
 * A later version only adds fields and kinds: what is not in the table is ignored, and what an earlier node does not publish is absent.
 */
import { carriedQuotas, isLocalTier } from '../../common/index.ts'
import type { Entry, EntryBodies, EntryKind, PinRecord, TenantRecord } from '../events.ts'
import { diffFetching, diffModels, diffRates, type ModelChange, noChanges } from './body-diff.ts'
import { type Checker, malformed, type PlainMap } from './entry-checker.ts'
import {
  amount,
  amountColumn,
  columnsOf,
  count,
  countColumn,
  digestColumn,
  digests,
  type Field,
  flag,
  type IdPacker,
  listOf,
  nodeColumn,
  optional,
  rowsOf,
  text,
  tierColumn,
  tierRooms,
} from './entry-field.ts'
import { ofIdentity, ofQueue, ofRates, ofTiers, type Significance, type SignificanceOptions } from './significance.ts'
import { isNamespaceName, isTenantName } from './tenant-names.ts'

interface KindFormat<B> {
  /** Goes out at once; the others share what is left of the budget (gossip-pace.ts). */
  readonly isForeground: boolean
  /** Near enough for a pace, without a pass over the lists. */
  roughBytes(body: B): number
  readonly fields: { readonly [N in keyof B]-?: Field<B[N]> }
}

/** Of a pin: the last millisecond that a Date can say. */
export const changedMsMax = 8.64e15

export const roughRateBytes = 42

function pinOf(fields: PlainMap, name: string, check: Checker): PinRecord {
  const { tier } = fields
  if (!isLocalTier(tier)) throw malformed(`${name}.tier`, 'is no tier')
  return {
    name: check.text(fields.name, `${name}.name`, 1),
    replicaCount: check.countTo(check.limits.replicasMax, fields.replicaCount, `${name}.replicaCount`),
    tier,
    changedMs: check.countTo(changedMsMax, fields.changedMs, `${name}.changedMs`),
    by: check.text(fields.by, `${name}.by`, 1),
  }
}

function tenantOf(fields: PlainMap, name: string, check: Checker): TenantRecord {
  const rows = (list: 'tokens' | 'revoked' | 'namespaces', limit: number) =>
    check.list(fields[list], `${name}.${list}`, limit).map((one, at) => check.record(one, `${name}.${list}[${at}]`))
  const tenant = check.text(fields.name, `${name}.name`, 1)
  if (!isTenantName(tenant)) throw malformed(`${name}.name`, 'is no name of a tenant')
  return {
    name: tenant,
    tokens: rows('tokens', check.limits.tokensMax).map(({ sha256, createdMs }) => ({
      sha256: check.digest(sha256, `${name}.tokens.sha256`),
      createdMs: check.countTo(changedMsMax, createdMs, `${name}.tokens.createdMs`),
    })),
    revoked: (fields.revoked === undefined ? [] : rows('revoked', check.limits.revokedMax)).map(
      ({ sha256, revokedMs }) => ({
        sha256: check.digest(sha256, `${name}.revoked.sha256`),
        revokedMs: check.countTo(changedMsMax, revokedMs, `${name}.revoked.revokedMs`),
      }),
    ),
    namespaces: rows('namespaces', check.limits.namespacesMax).map((namespace) => {
      const called = check.text(namespace.name, `${name}.namespaces.name`, 1)
      if (!isNamespaceName(called)) throw malformed(`${name}.namespaces.name`, 'is no namespace')
      return { name: called, isPrivate: check.flag(namespace.isPrivate, `${name}.namespaces.isPrivate`) }
    }),
    quotas: carriedQuotas(check.record(fields.quotas ?? {}, `${name}.quotas`)),
    isRemoved: check.flag(fields.isRemoved, `${name}.isRemoved`),
    changedMs: check.countTo(changedMsMax, fields.changedMs, `${name}.changedMs`),
    by: check.text(fields.by, `${name}.by`, 1),
  }
}

export const entryFormat: { readonly [K in EntryKind]: KindFormat<EntryBodies[K]> } = {
  state: {
    isForeground: false,
    roughBytes: () => 300,
    fields: {
      zone: { ...text(0), significance: ofIdentity },
      protocolVersion: { ...count, significance: ofIdentity },
      addresses: { ...listOf(text(1), 'addressesMax'), significance: ofIdentity },
      bulkAddress: { ...text(0), significance: ofIdentity },
      httpUrl: { ...text(0), significance: ofIdentity },
      queueMs: { ...amount, significance: ofQueue },
      tiers: { ...tierRooms, significance: ofTiers },
      draining: { ...flag, significance: ofIdentity },
      name: optional(text(0)),
      version: optional(text(0)),
      startedMs: optional(count),
      reannounceMs: optional(count),
      pins: optional(rowsOf('pinsMax', 'name', pinOf)),
      tenants: optional(rowsOf('tenantsMax', 'name', tenantOf)),
    },
  },
  residency: {
    isForeground: true,
    roughBytes: ({ models, fetching }) => 40 * models.length + 33 * (fetching?.length ?? 0),
    fields: {
      models: {
        ...columnsOf('modelsMax', {
          model: digestColumn('models'),
          tier: tierColumn('tiers'),
          sizeBytes: countColumn('sizes'),
        }),
        diff: diffModels,
      },
      fetching: { ...optional(digests('fetchingMax')), diff: diffFetching },
    },
  },
  demand: {
    isForeground: false,
    roughBytes: ({ rates }) => roughRateBytes * rates.length,
    fields: {
      rates: {
        ...columnsOf('ratesMax', { model: digestColumn('models'), ratePerS: amountColumn('rates') }),
        significance: ofRates,
        diff: diffRates,
      },
    },
  },
  suspicion: {
    isForeground: true,
    roughBytes: ({ suspects }) => 40 * suspects.length,
    fields: {
      suspects: columnsOf('suspectsMax', {
        node: nodeColumn('nodes'),
        epoch: countColumn('epochs'),
        sequence: countColumn('sequences'),
      }),
    },
  },
}

type NamedField = readonly [name: string, field: Field<unknown>]

const fieldsOf = Object.fromEntries(
  Object.entries(entryFormat).map(([kind, { fields }]) => [kind, Object.entries(fields)]),
) as unknown as Readonly<Record<EntryKind, readonly NamedField[]>>

const indexedOf = Object.fromEntries(
  Object.entries(fieldsOf).map(([kind, fields]) => [kind, fields.filter(([, field]) => field.diff !== undefined)]),
) as unknown as Readonly<Record<EntryKind, readonly NamedField[]>>

/** Of what was published last and what is so now: the most that a change of any field is worth. */
export function significanceOf<K extends EntryKind>(
  kind: K,
  published: EntryBodies[K],
  now: EntryBodies[K],
  options: SignificanceOptions,
): Significance {
  let worth: Significance = 'none'
  for (const [name, field] of fieldsOf[kind]) {
    const change = field.significance?.(published[name as never], now[name as never], options) ?? 'none'
    if (change === 'identity') return change
    if (change !== 'none') worth = change
  }
  return worth
}

export function checkBody(kind: EntryKind, body: PlainMap, check: Checker): PlainMap {
  return bodyFrom(kind, (name, field) => field.check(body[name], name, check))
}

export function encodeBody({ kind, body }: Entry, ids: IdPacker): PlainMap {
  const wire: Record<string, unknown> = {}
  for (const [name, field] of fieldsOf[kind]) field.encode(body[name as never], name, wire, ids)
  return wire
}

/** From columns to rows. Which values they may hold is checked with the whole entry. */
export function decodeBody(kind: EntryKind, wire: PlainMap, ids: IdPacker): PlainMap {
  return bodyFrom(kind, (name, field) => field.decode(wire, name, ids))
}

/** Null stands for an entry that was not there, or is removed. Both are of one kind and one node, at `index`. */
export function diffEntries(before: Entry | null, after: Entry | null, index: number): readonly ModelChange[] {
  const kind = (after ?? before)?.kind
  if (kind === undefined || indexedOf[kind].length === 0) return noChanges
  return indexedOf[kind].flatMap(([name, field]) => {
    return field.diff!(before?.body[name as never], after?.body[name as never], index)
  })
}

function bodyFrom(kind: EntryKind, read: (name: string, field: Field<unknown>) => unknown): PlainMap {
  const body: Record<string, unknown> = {}
  for (const [name, field] of fieldsOf[kind]) {
    const value = read(name, field)
    if (value !== undefined) body[name] = value
  }
  return body
}
