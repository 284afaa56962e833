/**
 * Requests that wait for a worker, in the order of placement's WorkQueue, with a limit for each model so that one popular model cannot
 * fill the queue for all, and a limit in total. Where a limit is reached, the tenant that has the most waiting gives way to one that has
 * less. Counts what runs as well: `count` is what keeps a model from being evicted.
 */
import { assertInvariant, HoldfastError } from '../../common/index.ts'
import { mayQueue, type Work, WorkQueue, type WorkQueueOptions } from '../../placement/index.ts'

export interface QueueLimits {
  readonly queuedMax: number
  readonly queuedPerModelMax: number
  /** Quota of one tenant; null where it has none. */
  readonly queuedMaxOf: (tenant: string) => number | null
}

export class RequestQueue<Item extends Work & { readonly digest: string }> {
  readonly #limits: QueueLimits
  readonly #waiting: WorkQueue<Item>
  /** Waiting and running, by digest; no entry for 0. */
  readonly #counts = new Map<string, { waiting: number; running: number }>()

  constructor(limits: QueueLimits, order: Partial<WorkQueueOptions> = {}) {
    this.#limits = limits
    this.#waiting = new WorkQueue(order)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Waiting and running. */
  count(digest: string): number {
    const counts = this.#counts.get(digest)
    return counts === undefined ? 0 : counts.waiting + counts.running
  }

  /** QUOTA_QUEUED, or OVERLOADED when a limit is reached and nothing gives way. @returns what has given way, which is not in the queue any more. */
  push(item: Item): Item | null {
    const { queuedMax, queuedPerModelMax } = this.#limits
    this.#checkQuota(item)
    const { digest } = item
    const isOfModel = (other: Item) => other.digest === digest
    let displaced: Item | null = null
    if ((this.#counts.get(digest)?.waiting ?? 0) >= queuedPerModelMax) {
      displaced = this.#waiting.givesWayTo(item, isOfModel)
      if (displaced === null) {
        throw overloaded(`${queuedPerModelMax} requests wait for this model (limit queuedPerModelMax)`)
      }
    } else if (this.#waiting.size >= queuedMax) {
      displaced = this.#waiting.givesWayTo(item)
      if (displaced === null) throw overloaded(`${queuedMax} requests wait (limit queuedMax)`)
    }
    if (displaced !== null) this.drop(displaced)
    this.#waiting.push(item)
    this.#add(digest, 1, 0)
    return displaced
  }

  /** Work that goes before this item, in milliseconds of one worker. With null: before an item that goes last. */
  aheadMs(work: Work | null, nowMs: number): number {
    return this.#waiting.aheadMs(work, nowMs)
  }

  /** The wait that is certain with so many workers. */
  sureWaitMs(work: Work, nowMs: number, workerCount: number): number {
    return this.#waiting.sureWaitMs(work, nowMs, workerCount)
  }

  countWaiting(matches: (item: Item) => boolean): number {
    return [...this.#waiting].filter(matches).length
  }

  hasWaiting(matches: (item: Item) => boolean): boolean {
    for (const item of this.#waiting) if (matches(item)) return true
    return false
  }

  /** Starts the first item that `accepts`, or null. End it with `done`, or put it back with `requeue`. */
  take(nowMs: number, accepts?: (item: Item) => boolean): Item | null {
    const item = this.#waiting.take(nowMs, accepts)
    if (item !== null) this.#add(item.digest, -1, 1)
    return item
  }

  /** A started item goes back to the head; it was admitted once, so that no limit applies. */
  requeue(item: Item): void {
    this.#waiting.requeue(item)
    this.#add(item.digest, 1, -1)
  }

  /** Drops an item that still waits; false when it was started or is gone. */
  drop(item: Item): boolean {
    if (!this.#waiting.drop(item)) return false
    this.#add(item.digest, -1, 0)
    return true
  }

  /** Takes out all that waits. */
  dropAll(): Item[] {
    const items = [...this.#waiting]
    for (const item of items) this.drop(item)
    return items
  }

  /** Takes out what waits and would begin too late. */
  expire(nowMs: number): Item[] {
    const late = this.#waiting.expire(nowMs)
    for (const { digest } of late) this.#add(digest, -1, 0)
    return late
  }

  /** @param tookMs for which it had a worker. */
  done(item: Item, tookMs: number): void {
    this.#waiting.ended(item, tookMs)
    this.#add(item.digest, 0, -1)
  }

  #checkQuota({ tenant }: Item): void {
    const quotaMax = this.#limits.queuedMaxOf(tenant)
    if (quotaMax === null) return
    const count = this.countWaiting((other) => other.tenant === tenant)
    if (mayQueue({ queuedMax: quotaMax }, count)) return
    throw new HoldfastError('QUOTA_QUEUED', `${count} requests of ${tenant} wait here, its quota (queuedMax).`, {
      details: { quota: 'queuedMax', limit: quotaMax },
    })
  }

  #add(digest: string, waiting: number, running: number): void {
    const counts = this.#counts.get(digest) ?? { waiting: 0, running: 0 }
    counts.waiting += waiting
    counts.running += running
    assertInvariant(counts.waiting >= 0 && counts.running >= 0, `queue counts of ${digest} fell below zero`)
    if (counts.waiting + counts.running === 0) this.#counts.delete(digest)
    else this.#counts.set(digest, counts)
  }
}

function overloaded(message: string): HoldfastError {
  return new HoldfastError('OVERLOADED', message)
}
