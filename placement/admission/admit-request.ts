/**
 * Whether a node takes one more request of a tenant: its requests under way have a limit, and so has their rate, as a bucket that fills at the
 * rate and holds the requests of one second. The load of a tenant is plain data that the caller keeps.
 */
import type { TenantQuotas } from '../../common/index.ts'

export interface TenantLoad {
  readonly underWay: number
  /** Requests that may come at once, as it was at `atMs`; a part of one is on its way. */
  readonly credit: number
  readonly atMs: number
}

export type RequestVerdict =
  | { readonly kind: 'admit'; readonly load: TenantLoad }
  | {
      readonly kind: 'refuse'
      readonly quota: 'requestsMax' | 'requestsPerSMax'
      /** When it may be worth coming back. */
      readonly retryAfterMs: number
    }

/** A request that ends makes room, at a time that nobody knows. */
const endsSoonMs = 1_000

/** The load of a tenant that has rested. */
export function restedLoad({ requestsPerSMax }: TenantQuotas, nowMs: number): TenantLoad {
  return { underWay: 0, credit: requestsPerSMax, atMs: nowMs }
}

export function admitRequest(load: TenantLoad, quotas: TenantQuotas, nowMs: number): RequestVerdict {
  const { requestsMax, requestsPerSMax } = quotas
  if (load.underWay >= requestsMax) return { kind: 'refuse', quota: 'requestsMax', retryAfterMs: endsSoonMs }
  const elapsedMs = Math.max(0, nowMs - load.atMs)
  const credit = Math.min(requestsPerSMax, load.credit + (elapsedMs * requestsPerSMax) / 1000)
  if (credit < 1)
    return { kind: 'refuse', quota: 'requestsPerSMax', retryAfterMs: ((1 - credit) * 1000) / requestsPerSMax }
  return { kind: 'admit', load: { underWay: load.underWay + 1, credit: credit - 1, atMs: nowMs } }
}

export function requestEnded(load: TenantLoad): TenantLoad {
  return { ...load, underWay: load.underWay - 1 }
}
