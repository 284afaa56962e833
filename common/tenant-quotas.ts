/** Limits of one tenant. An operator sets them, and each has a default. Callers without a token and the operator have none. */
export interface TenantQuotas {
  /** Requests, and opens that miss memory, of the tenant that one node works on at one time. */
  readonly requestsMax: number
  /** Requests, and opens that miss memory, of the tenant that one node takes in a second: on average, and at once after a rest. */
  readonly requestsPerSMax: number
  /** Requests of the tenant that wait for a worker of one node. */
  readonly queuedMax: number
  /** Copies of models of its namespaces that are pinned, on one node and in the cluster together. */
  readonly pinsMax: number
  /** Its share of workers and of connections between nodes where several tenants want them, beside the 1 of a caller without quotas. */
  readonly weight: number
}

export type QuotaName = keyof TenantQuotas

export interface QuotaRow {
  readonly description: string
  readonly defaultValue: number
  readonly minimum: number
  readonly maximum: number
}

/** All are whole numbers. */
export const quotaTable: Readonly<Record<QuotaName, QuotaRow>> = {
  requestsMax: {
    description: 'requests, and opens that miss memory, of the tenant that one node works on at one time',
    defaultValue: 512,
    minimum: 1,
    maximum: 65_536,
  },
  requestsPerSMax: {
    description: 'requests, and opens that miss memory, of the tenant that one node takes in a second',
    defaultValue: 5_000,
    minimum: 1,
    maximum: 1_000_000,
  },
  queuedMax: {
    description: 'requests of the tenant that wait for a worker of one node',
    defaultValue: 256,
    minimum: 1,
    maximum: 65_536,
  },
  pinsMax: {
    description: 'copies of models of its namespaces that are pinned, on one node and in the cluster',
    defaultValue: 16,
    minimum: 0,
    maximum: 1_024,
  },
  weight: {
    description: 'share of workers and of bytes between nodes, where others want them too',
    defaultValue: 1,
    minimum: 1,
    maximum: 100,
  },
}

export const quotaNames = Object.keys(quotaTable) as readonly QuotaName[]

export function isQuotaValue(name: QuotaName, value: unknown): value is number {
  const { minimum, maximum } = quotaTable[name]
  return Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum
}

/** A quota that is missing, or has no valid value, gets its default. */
export function quotasOf(given: Readonly<Partial<Record<QuotaName, unknown>>>): TenantQuotas {
  const entries = quotaNames.map((name) => {
    const value = given[name]
    return [name, isQuotaValue(name, value) ? value : quotaTable[name].defaultValue]
  })
  return Object.fromEntries(entries) as unknown as TenantQuotas
}

/** Quotas of later versions that a record carries; what is over it is left out. */
const laterQuotasMax = 16

/** The same, and quotas of later versions as they were told: a node that does not know them passes them on. */
export function carriedQuotas(given: Readonly<Record<string, unknown>>): TenantQuotas {
  const later = Object.entries(given).filter(([name, value]) => {
    return !Object.hasOwn(quotaTable, name) && /^[a-zA-Z]{1,32}$/.test(name) && Number.isSafeInteger(value)
  })
  return { ...Object.fromEntries(later.slice(0, laterQuotasMax)), ...quotasOf(given) }
}
