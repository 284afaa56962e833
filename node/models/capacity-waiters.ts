/**
 * Tells those who found all room in use when some of it may have come free: a request or a fetch has ended, a client has closed a
 * model. They hold nothing while they wait, so that nobody waits for them in turn.
 */
import type { Clock } from '../system/index.ts'

export class CapacityWaiters {
  private readonly clock: Clock
  private readonly waiting = new Set<(isFreed: boolean) => void>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  freed(): void {
    for (const end of [...this.waiting]) end(true)
  }

  /** True at the next sign that there may be room, false when the time is up or the signal ends it. */
  next(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (timeoutMs <= 0 || signal?.aborted === true) return Promise.resolve(false)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const end = (isFreed: boolean) => {
      this.waiting.delete(end)
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
      resolve(isFreed)
    }
    const onAbort = () => end(false)
    const stopTimer = this.clock.after(timeoutMs, () => end(false))
    signal?.addEventListener('abort', onAbort, { once: true })
    this.waiting.add(end)
    return promise
  }
}
