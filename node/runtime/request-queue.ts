/**
 * Requests that wait for a worker, first come first served, with a limit for each model so that one popular model cannot fill
 * the queue for all, and a limit in total. Counts what runs as well: `count` is what keeps a model from being evicted.
 */
import { assertInvariant, HoldfastError } from '../../common/index.ts'

export interface QueueLimits {
  readonly queuedMax: number
  readonly queuedPerModelMax: number
}

export class RequestQueue<Item extends { readonly digest: string }> {
  readonly #limits: QueueLimits
  readonly #waiting: Item[] = []
  /** Waiting and running, by digest; no entry for 0. */
  readonly #counts = new Map<string, { waiting: number; running: number }>()

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Waiting and running. */
  count(digest: string): number {
    const counts = this.#counts.get(digest)
    return counts === undefined ? 0 : counts.waiting + counts.running
  }

  /** OVERLOADED when a limit is reached. */
  push(item: Item): void {
    const { queuedMax, queuedPerModelMax } = this.#limits
    if (this.#waiting.length >= queuedMax) throw overloaded(`${queuedMax} requests wait (limit queuedMax)`)
    const waiting = this.#counts.get(item.digest)?.waiting ?? 0
    if (waiting >= queuedPerModelMax) {
      throw overloaded(`${queuedPerModelMax} requests wait for this model (limit queuedPerModelMax)`)
    }
    this.#waiting.push(item)
    this.#add(item.digest, 1, 0)
  }

  countWaiting(matches: (item: Item) => boolean): number {
    return this.#waiting.filter(matches).length
  }

  hasWaiting(matches: (item: Item) => boolean): boolean {
    return this.#waiting.some(matches)
  }

  /** Starts the first item that `accepts`, or null. End it with `done`, or put it back with `requeue`. */
  take(accepts: (item: Item) => boolean = () => true): Item | null {
    const index = this.#waiting.findIndex(accepts)
    if (index === -1) return null
    const item = this.#waiting.splice(index, 1)[0]!
    this.#add(item.digest, -1, 1)
    return item
  }

  /** A started item goes back to the head; it was admitted once, so that no limit applies. */
  requeue(item: Item): void {
    this.#waiting.unshift(item)
    this.#add(item.digest, 1, -1)
  }

  /** Drops an item that still waits; false when it was started or is gone. */
  drop(item: Item): boolean {
    const index = this.#waiting.indexOf(item)
    if (index === -1) return false
    this.#waiting.splice(index, 1)
    this.#add(item.digest, -1, 0)
    return true
  }

  done(item: Item): void {
    this.#add(item.digest, 0, -1)
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
