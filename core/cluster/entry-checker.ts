/** Checks the form of values that came from another node. Each takes the name of the field, for the error. */
import { HoldfastError } from '../../common/index.ts'

export type PlainMap = Readonly<Record<string, unknown>>

export interface EntryLimits {
  /** Characters in a node id, a zone, an address, a URL. The longest multiaddrs with a certificate hash have some 250. */
  readonly textLengthMax: number
  /** Addresses of one node: interfaces times transports. */
  readonly addressesMax: number
  /** Models of one node. About 100 bytes each: an entry stays well below the limit of a gossip message. */
  readonly modelsMax: number
  readonly fetchingMax: number
  readonly ratesMax: number
  readonly suspectsMax: number
  readonly pinsMax: number
  /** Copies of one pinned model. */
  readonly replicasMax: number
  readonly tenantsMax: number
  /** Limit of one tenant. */
  readonly tokensMax: number
  readonly revokedMax: number
  readonly namespacesMax: number
}

export const defaultEntryLimits: EntryLimits = {
  textLengthMax: 512,
  addressesMax: 32,
  modelsMax: 4_096,
  fetchingMax: 256,
  ratesMax: 256,
  suspectsMax: 1_024,
  pinsMax: 256,
  replicasMax: 1_024,
  tenantsMax: 128,
  tokensMax: 8,
  revokedMax: 6,
  namespacesMax: 16,
}

const digestPattern = /^[0-9a-f]{64}$/

export class Checker {
  readonly limits: EntryLimits

  constructor(limits: EntryLimits) {
    this.limits = limits
  }

  text(value: unknown, name: string, lengthMin: number): string {
    if (typeof value !== 'string') throw malformed(name, 'is no text')
    if (value.length < lengthMin) throw malformed(name, 'is empty')
    if (value.length > this.limits.textLengthMax) throw malformed(name, `is longer than ${this.limits.textLengthMax}`)
    return value
  }

  digest(value: unknown, name: string): string {
    if (typeof value !== 'string' || !digestPattern.test(value)) throw malformed(name, 'is no sha256 in lower-case hex')
    return value
  }

  count(value: unknown, name: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw malformed(name, 'is no whole number from 0 to 2^53 - 1')
    return value as number
  }

  countTo(maximum: number, value: unknown, name: string): number {
    const count = this.count(value, name)
    if (count > maximum) throw malformed(name, `is above ${maximum}`)
    return count
  }

  amount(value: unknown, name: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw malformed(name, 'is no finite number from 0')
    return value
  }

  flag(value: unknown, name: string): boolean {
    if (typeof value !== 'boolean') throw malformed(name, 'is neither true nor false')
    return value
  }

  list(value: unknown, name: string, lengthMax: number): readonly unknown[] {
    if (!Array.isArray(value)) throw malformed(name, 'is no list')
    if (value.length > lengthMax) throw malformed(name, `has more than ${lengthMax} items`)
    return value
  }

  oneOf<T extends string>(known: readonly T[], value: unknown, name: string): T {
    const found = known.find((one) => one === value)
    if (found === undefined) throw malformed(name, `is none of ${known.join(', ')}`)
    return found
  }

  record(value: unknown, name: string): PlainMap {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(name, 'is no record')
    return value as PlainMap
  }

  /** Sorted, each key once: what the ledger's searches rely on. */
  rising<T>(items: readonly T[], name: string, keyOf: (item: T) => string): void {
    for (let at = 1; at < items.length; at += 1) {
      if (!(keyOf(items[at - 1]!) < keyOf(items[at]!))) {
        throw malformed(`${name}[${at}]`, 'is out of order or twice there')
      }
    }
  }
}

export function malformed(field: string, what: string): HoldfastError {
  return new HoldfastError('PEER_PROTOCOL', `A peer sent a malformed entry: ${field} ${what}. Check its version.`, {
    details: { field },
  })
}
