/** Waits until no client maps a blob any more: a lease ends when the store's socket thread has seen it end. */

import type { BlobId } from '../../common/index.ts'
import type { Store } from '../../native/index.ts'
import type { Clock } from '../system/index.ts'

export interface LeaseTrackerOptions {
  /** The runtime has closed its lease already when this wait begins; what is left is one turn of the socket thread. */
  readonly timeoutMs: number
}

export const defaultLeaseTrackerOptions: LeaseTrackerOptions = { timeoutMs: 1_000 }

export class LeaseTracker {
  private readonly store: Pick<Store, 'blob'>
  private readonly clock: Clock
  private readonly options: LeaseTrackerOptions
  private readonly waiting = new Set<() => void>()

  constructor(store: Pick<Store, 'blob'>, clock: Clock, options: LeaseTrackerOptions = defaultLeaseTrackerOptions) {
    this.store = store
    this.clock = clock
    this.options = options
  }

  onLeaseClosed(): void {
    for (const look of [...this.waiting]) look()
  }

  /** Resolves when the blob has no lease, or when the time is up: the caller looks again anyway. */
  untilFree(blob: BlobId): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = () => {
      this.waiting.delete(look)
      stopTimer()
      resolve()
    }
    const look = () => {
      if ((this.store.blob(blob)?.leases ?? 0) === 0) done()
    }
    const stopTimer = this.clock.after(this.options.timeoutMs, done)
    this.waiting.add(look)
    look()
    return promise
  }
}
