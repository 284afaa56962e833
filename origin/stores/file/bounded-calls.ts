/**
 * Calls into a folder that may hang, as on a mount whose server is gone: they keep a few threads of the pool at most, so that the others go
 * on with everything else, and a caller who gives up is free at once.
 */

/** Of 16 threads of a process (bin/holdfast.js). */
const callsMax = 8

export class BoundedCalls {
  private readonly waiting: (() => void)[] = []
  private readonly callsMax: number
  private running = 0

  constructor(max = callsMax) {
    this.callsMax = max
  }

  /** Rejects with the reason of `signal` as soon as it is aborted. A result that comes later goes to `discard`. */
  async run<T>(
    work: () => Promise<T>,
    signal: AbortSignal | undefined,
    discard: (late: T) => void = () => {},
  ): Promise<T> {
    signal?.throwIfAborted()
    const given = Promise.withResolvers<never>()
    given.promise.catch(() => {})
    const onAbort = () => given.reject(signal!.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    let isGivenUp = false
    try {
      await this.enter(given.promise)
      const result = work().finally(() => this.leave())
      result.then(
        (late) => {
          if (isGivenUp) discard(late)
        },
        () => {},
      )
      return await Promise.race([result, given.promise])
    } catch (error) {
      isGivenUp = true
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  private async enter(givenUp: Promise<never>): Promise<void> {
    if (this.running < this.callsMax) {
      this.running += 1
      return
    }
    const turn = Promise.withResolvers<void>()
    this.waiting.push(turn.resolve)
    try {
      // The one who leaves hands its place over.
      await Promise.race([turn.promise, givenUp])
    } catch (error) {
      const index = this.waiting.indexOf(turn.resolve)
      if (index >= 0) this.waiting.splice(index, 1)
      else this.leave()
      throw error
    }
  }

  private leave(): void {
    const next = this.waiting.shift()
    if (next === undefined) this.running -= 1
    else next()
  }
}
