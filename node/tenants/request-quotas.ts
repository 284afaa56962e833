/** Counts the requests of each tenant at this node, and refuses what is over its quotas (placement/admission). */
import { HoldfastError, type TenantQuotas } from '../../common/index.ts'
import { admitRequest, requestEnded, restedLoad, type TenantLoad } from '../../placement/index.ts'
import type { Clock } from '../system/index.ts'

export interface RequestQuotasPorts {
  /** Null for a tenant without quotas, such as the public. */
  readonly quotasOf: (tenant: string) => TenantQuotas | null
  readonly clock: Clock
}

const codes = { requestsMax: 'QUOTA_REQUESTS', requestsPerSMax: 'QUOTA_REQUEST_RATE' } as const

export class RequestQuotas {
  private readonly ports: RequestQuotasPorts
  private readonly loads = new Map<string, TenantLoad>()

  constructor(ports: RequestQuotasPorts) {
    this.ports = ports
  }

  /** Runs the work of one request within the quotas. QUOTA_REQUESTS or QUOTA_REQUEST_RATE when it may not begin. */
  async during<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const quotas = this.ports.quotasOf(tenant)
    if (quotas === null) return work()
    this.enter(tenant, quotas)
    try {
      return await work()
    } finally {
      const load = this.loads.get(tenant)
      if (load !== undefined) this.loads.set(tenant, requestEnded(load))
    }
  }

  private enter(tenant: string, quotas: TenantQuotas): void {
    const nowMs = this.ports.clock.nowMs()
    const verdict = admitRequest(this.loads.get(tenant) ?? restedLoad(quotas, nowMs), quotas, nowMs)
    if (verdict.kind === 'admit') {
      this.loads.set(tenant, verdict.load)
      return
    }
    const { quota, retryAfterMs } = verdict
    const what = quota === 'requestsMax' ? 'requests of the tenant under way' : 'requests of the tenant in a second'
    throw new HoldfastError(codes[quota], `${tenant} has ${quotas[quota]} ${what}, its quota (${quota}).`, {
      details: { quota, limit: quotas[quota], retryAfterS: Math.max(1, Math.ceil(retryAfterMs / 1000)) },
    })
  }
}
