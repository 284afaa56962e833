/** Counts what is pinned of a tenant's namespaces, and refuses a pin that is over its quota. */
import { HoldfastError } from '../../common/index.ts'
import { mayPin } from '../../placement/index.ts'
import { referenceOf } from './names.ts'
import type { TenantRegistry } from './tenant-registry.ts'

/** A pin on so many nodes. */
export interface CountedPin {
  readonly name: string
  readonly replicaCount: number
}

export interface PinQuotaPorts {
  readonly tenants: Pick<TenantRegistry, 'index'>
  /** On this node, and in the cluster. */
  readonly pins: () => readonly CountedPin[]
}

export class PinQuota {
  private readonly ports: PinQuotaPorts
  /** Pins that are being made: each counts from its beginning. */
  private readonly beginning = new Set<CountedPin>()

  constructor(ports: PinQuotaPorts) {
    this.ports = ports
  }

  /** QUOTA_PINS when the tenant may not have it. One that changes a pin counts instead of it. */
  async during<T>(tenant: string, pin: CountedPin, work: () => Promise<T>): Promise<T> {
    const { index } = this.ports.tenants
    const quotas = index.quotasOf(tenant)
    if (quotas === null) return work()
    const others = [...this.ports.pins(), ...this.beginning].filter(({ name }) => {
      return name !== pin.name && this.ownerOf(name) === tenant
    })
    const count = others.reduce((sum, { replicaCount }) => sum + replicaCount, 0)
    if (!mayPin(quotas, count, pin.replicaCount))
      throw new HoldfastError(
        'QUOTA_PINS',
        `${tenant} has ${count} pinned copies of ${quotas.pinsMax}, its quota (pinsMax); unpin some.`,
        { details: { quota: 'pinsMax', limit: quotas.pinsMax } },
      )
    this.beginning.add(pin)
    try {
      return await work()
    } finally {
      this.beginning.delete(pin)
    }
  }

  private ownerOf(name: string): string | null {
    const reference = referenceOf(name)
    return reference?.kind === 'name' ? this.ports.tenants.index.ownerOf(reference.name.namespace) : null
  }
}
