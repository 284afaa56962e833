/**
 * Work that waits for a worker: which piece begins next, and which begins no more.
 *
 * Tenants share the workers by weight, in virtual time (start-time fair queueing, Goyal et al., 1996): what a tenant has used, divided by
 * its weight. A tenant that comes back begins at the time of the others, so that idle hours earn nothing. Tenants within `leadMs` of the
 * one that has used least are equal, and among their work the order is that of need: the earliest `latest` first. Nothing begins after
 * its `latest`.
 *
 * Work that can wait for ever is passed over by what is urgent, but by nothing that came more than `patienceMs` after it: the order is by
 * the earlier of `latest` and arrival + patience. So everything gets its turn, and with one tenant and no deadlines the order is that of
 * arrival.
 *
 * Time is an argument, and nothing is drawn: the same calls give the same order.
 */
import { assertInvariant } from '../../common/index.ts'

export interface Work {
  readonly tenant: string
  readonly arrivedMs: number
  /** Begun later than this it would end too late; Infinity without a deadline. */
  readonly latestMs: number
  /** Predicted execution; 0 when nothing is known of it. */
  readonly costMs: number
  /** The part of it that is certain. */
  readonly sureMs: number
}

export interface WorkQueueOptions {
  /** Share of a tenant beside the others. */
  readonly weightOf: (tenant: string) => number
  /** How much more than another a tenant may have used and still go first, because its work is more urgent. One run of a small model. */
  readonly leadMs: number
  /** Work that came so much later never goes first. */
  readonly patienceMs: number
  /** Charged for work of which nothing is known, until it has ended. */
  readonly unknownCostMs: number
  /** Tenants whose use is remembered; the oldest is forgotten first. */
  readonly tenantsMax: number
}

export const defaultWorkQueueOptions: WorkQueueOptions = {
  weightOf: () => 1,
  leadMs: 20,
  patienceMs: 1_000,
  unknownCostMs: 10,
  tenantsMax: 4_096,
}

interface Waiting<T> {
  readonly item: T
  readonly orderMs: number
  readonly sequence: number
}

interface Tenant<T> {
  /** Used, over its weight. */
  virtualMs: number
  /** In order. */
  readonly waiting: Waiting<T>[]
}

export class WorkQueue<T extends Work> {
  private readonly options: WorkQueueOptions
  private readonly tenants = new Map<string, Tenant<T>>()
  /** Begun once and put back; before all others. */
  private readonly again: T[] = []
  /** Charges for work under way. */
  private readonly charges = new Map<T, { readonly chargeMs: number; readonly begunMs: number }>()
  /** The use of the tenant that had used least when work began last. Never falls. */
  private virtualMs = 0
  private sequence = 0
  private count = 0

  constructor(options: Partial<WorkQueueOptions> = {}) {
    this.options = { ...defaultWorkQueueOptions, ...options }
  }

  /** Waiting. */
  get size(): number {
    return this.count
  }

  *[Symbol.iterator](): Iterator<T> {
    yield* this.again
    for (const { waiting } of this.tenants.values()) for (const { item } of waiting) yield item
  }

  push(item: T): void {
    const { latestMs, arrivedMs } = item
    const tenant = this.tenantOf(item.tenant)
    if (tenant.waiting.length === 0) tenant.virtualMs = Math.max(tenant.virtualMs, this.virtualMs)
    this.sequence += 1
    const orderMs = Math.min(latestMs, arrivedMs + this.options.patienceMs)
    const added = { item, orderMs, sequence: this.sequence }
    let place = tenant.waiting.length
    while (place > 0 && tenant.waiting[place - 1]!.orderMs > orderMs) place -= 1
    tenant.waiting.splice(place, 0, added)
    this.count += 1
  }

  /** The next to begin among those accepted; null when there is none. It has to be ended, or put back with `requeue`. */
  take(nowMs: number, accepts: (item: T) => boolean = () => true): T | null {
    const mayBegin = (item: T) => item.latestMs >= nowMs && accepts(item)
    const first = this.again.find(mayBegin)
    if (first !== undefined) {
      this.again.splice(this.again.indexOf(first), 1)
      this.begin(first, nowMs)
      return first
    }
    const next = this.next(mayBegin)
    if (next === null) return null
    next.tenant.waiting.splice(next.tenant.waiting.indexOf(next.waiting), 1)
    this.begin(next.waiting.item, nowMs)
    return next.waiting.item
  }

  /** Puts begun work back, before all others. */
  requeue(item: T): void {
    this.again.unshift(item)
    this.count += 1
    this.settle(item, 0)
  }

  /** Settles work that has ended. @param tookMs worker time that it has used. */
  ended(item: T, tookMs: number): void {
    this.settle(item, tookMs)
  }

  /** Takes out what waits; false when it has begun or is gone. */
  drop(item: T): boolean {
    if (remove(this.again, item)) {
      this.count -= 1
      return true
    }
    const tenant = this.tenants.get(item.tenant)
    const place = tenant?.waiting.findIndex((waiting) => waiting.item === item) ?? -1
    if (place === -1) return false
    tenant!.waiting.splice(place, 1)
    this.count -= 1
    return true
  }

  /** Takes out what waits and may not begin any more. */
  expire(nowMs: number): T[] {
    const late = [...this].filter(({ latestMs }) => latestMs < nowMs)
    for (const item of late) this.drop(item)
    return late
  }

  /**
   * Work that would go before this work if it came now, in milliseconds of one worker: the rest of what runs, what goes before it of its
   * tenant, and what the others may use meanwhile. Null: before work that goes last. What is not known of costs counts as nothing.
   */
  aheadMs(work: Work | null, nowMs: number): number {
    if (work !== null) return this.sumAheadMs(work, nowMs, usual, 0)
    let aheadMs = this.begunMs(nowMs, usual)
    for (const { waiting } of this.tenants.values()) aheadMs += costOf(waiting, usual)
    return aheadMs
  }

  /**
   * The wait for one of so many workers that is certain if this work came now, by which it may be refused. Only what is certain of costs
   * counts; what others may use within `leadMs` does not, since urgent work may go before it; and while the last worker becomes free, each
   * of the others may still do the longest piece.
   */
  sureWaitMs(work: Work, nowMs: number, workerCount: number): number {
    let longestMs = 0
    for (const { sureMs } of [...this.charges.keys(), ...this]) longestMs = Math.max(longestMs, sureMs)
    const aheadMs = this.sumAheadMs(work, nowMs, sure, this.options.leadMs)
    return Math.max(0, aheadMs - (workerCount - 1) * longestMs) / workerCount
  }

  private sumAheadMs(work: Work, nowMs: number, cost: CostOf, leadMs: number): number {
    const { weightOf, patienceMs } = this.options
    const orderMs = Math.min(work.latestMs, work.arrivedMs + patienceMs)
    const own = this.tenants.get(work.tenant)
    const ownMs = costOf(
      (own?.waiting ?? []).filter((waiting) => waiting.orderMs <= orderMs),
      cost,
    )
    const beginsAtMs = Math.max(own?.virtualMs ?? 0, this.virtualMs) + ownMs / weightOf(work.tenant) - leadMs
    let aheadMs = this.begunMs(nowMs, cost) + ownMs
    for (const [name, { virtualMs, waiting }] of this.tenants) {
      if (name === work.tenant) continue
      aheadMs += Math.min(costOf(waiting, cost), Math.max(0, beginsAtMs - virtualMs) * weightOf(name))
    }
    return aheadMs
  }

  /** The rest of what runs, and what has begun once. */
  private begunMs(nowMs: number, cost: CostOf): number {
    let restMs = 0
    for (const [item, { begunMs }] of this.charges) restMs += Math.max(0, cost(item) - (nowMs - begunMs))
    for (const item of this.again) restMs += cost(item)
    return restMs
  }

  /**
   * The work that leaves a full queue for the sake of this work: the last of the tenant that has the most waiting
   * for its weight. Null when that is the tenant of the work itself, or one that would then have less than it.
   * @param matches what shares the room.
   */
  givesWayTo({ tenant }: Work, matches: (item: T) => boolean = () => true): T | null {
    const { weightOf } = this.options
    let most: T | null = null
    let mostShare = 0
    let ownCount = 0
    for (const [name, { waiting }] of this.tenants) {
      const sharing = waiting.filter(({ item }) => matches(item))
      if (name === tenant) ownCount = sharing.length
      const share = sharing.length / weightOf(name)
      if (share <= mostShare) continue
      most = sharing.at(-1)!.item
      mostShare = share
    }
    return most !== null && most.tenant !== tenant && mostShare > (ownCount + 1) / weightOf(tenant) ? most : null
  }

  private next(mayBegin: (item: T) => boolean): { tenant: Tenant<T>; waiting: Waiting<T> } | null {
    const first: { tenant: Tenant<T>; waiting: Waiting<T> }[] = []
    let leastMs = Number.POSITIVE_INFINITY
    for (const tenant of this.tenants.values()) {
      const waiting = tenant.waiting.find(({ item }) => mayBegin(item))
      if (waiting === undefined) continue
      first.push({ tenant, waiting })
      leastMs = Math.min(leastMs, tenant.virtualMs)
    }
    if (first.length === 0) return null
    this.virtualMs = Math.max(this.virtualMs, leastMs)
    this.catchUp(first)
    const limitMs = leastMs + this.options.leadMs
    return first
      .filter(({ tenant }) => tenant.virtualMs <= limitMs)
      .reduce((best, one) => (isBefore(one, best) ? one : best))
  }

  /** A tenant all of whose work was held back for other reasons than the share of others has earned nothing meanwhile. */
  private catchUp(able: readonly { readonly tenant: Tenant<T> }[]): void {
    if (able.length === this.tenants.size) return
    const isAble = new Set(able.map(({ tenant }) => tenant))
    for (const [name, tenant] of this.tenants) {
      if (isAble.has(tenant)) continue
      if (tenant.waiting.length === 0 && tenant.virtualMs <= this.virtualMs) this.tenants.delete(name)
      else tenant.virtualMs = Math.max(tenant.virtualMs, this.virtualMs)
    }
  }

  private begin(item: T, begunMs: number): void {
    assertInvariant(!this.charges.has(item), 'work begins once')
    this.count -= 1
    const chargeMs = item.costMs > 0 ? item.costMs : this.options.unknownCostMs
    this.charges.set(item, { chargeMs, begunMs })
    this.tenantOf(item.tenant).virtualMs += chargeMs / this.options.weightOf(item.tenant)
  }

  private settle(item: T, tookMs: number): void {
    const charge = this.charges.get(item)
    assertInvariant(charge !== undefined, 'work that ends has begun')
    this.charges.delete(item)
    this.tenantOf(item.tenant).virtualMs += (tookMs - charge.chargeMs) / this.options.weightOf(item.tenant)
    // Nobody competes: what was used is of no account to those who come next.
    if (this.charges.size === 0 && this.count === 0) this.tenants.clear()
  }

  private tenantOf(name: string): Tenant<T> {
    const known = this.tenants.get(name)
    if (known !== undefined) return known
    this.forgetOne()
    const made: Tenant<T> = { virtualMs: this.virtualMs, waiting: [] }
    this.tenants.set(name, made)
    return made
  }

  private forgetOne(): void {
    if (this.tenants.size < this.options.tenantsMax) return
    for (const [name, { waiting }] of this.tenants) {
      if (waiting.length > 0) continue
      this.tenants.delete(name)
      return
    }
  }
}

type CostOf = (work: Work) => number

const usual: CostOf = ({ costMs }) => costMs
const sure: CostOf = ({ sureMs }) => sureMs

function costOf(waiting: readonly Waiting<Work>[], cost: CostOf): number {
  return waiting.reduce((sum, { item }) => sum + cost(item), 0)
}

function isBefore<T extends Work>(
  one: { readonly tenant: Tenant<T>; readonly waiting: Waiting<T> },
  other: { readonly tenant: Tenant<T>; readonly waiting: Waiting<T> },
): boolean {
  const byNeed = one.waiting.orderMs - other.waiting.orderMs
  if (byNeed !== 0) return byNeed < 0
  const byUse = one.tenant.virtualMs - other.tenant.virtualMs
  return byUse !== 0 ? byUse < 0 : one.waiting.sequence < other.waiting.sequence
}

function remove<T>(items: T[], item: T): boolean {
  const place = items.indexOf(item)
  if (place === -1) return false
  items.splice(place, 1)
  return true
}
