/** Deadlines of waits. The work behind a wait goes on for the others who share it; only this caller's wait ends. */
import type { Clock } from './clock.ts'
import { HoldfastError } from './errors.ts'
import type { RequestContext } from './types.ts'

/** Longer than any timer can count: no deadline. */
const timerMsMax = 2 ** 31 - 1

/** For messages: clocks have parts of milliseconds, people do not want them. */
export function wholeMs(ms: number): number {
  return ms > 0 ? Math.max(1, Math.round(ms)) : 0
}

/** Rejects with DEADLINE_EXCEEDED when the context's deadline passes before `work` ends. */
export async function withDeadline<T>(
  clock: Clock,
  work: Promise<T>,
  context: RequestContext,
  what: string,
): Promise<T> {
  if (!(context.deadlineMs < timerMsMax)) return work
  const deadlineMs = wholeMs(context.deadlineMs)
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const forget = clock.after(Math.max(0, context.deadlineMs), () => {
    const message = `${what} did not end within ${deadlineMs} ms; it goes on in the background.`
    reject(new HoldfastError('DEADLINE_EXCEEDED', message, { details: { deadlineMs } }))
  })
  work.then(resolve, reject)
  try {
    return await promise
  } finally {
    forget()
  }
}

/** A signal that fires when so much time of the clock has passed, or with the caller's. To be disposed when the work has ended. */
export class TimeLimit implements Disposable {
  readonly signal: AbortSignal
  private readonly stop: () => void

  /** @param limitMs fractions and Infinity included. */
  constructor(clock: Clock, limitMs: number, signal?: AbortSignal) {
    const expiring = new AbortController()
    const expire = () => expiring.abort(new DOMException('the time is up', 'TimeoutError'))
    this.stop = limitMs < timerMsMax ? clock.after(Math.max(0, limitMs), expire) : () => {}
    this.signal = signal === undefined ? expiring.signal : AbortSignal.any([expiring.signal, signal])
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

/** Resolves after so much time of the clock. Rejects with the reason of the signal when that fires first. */
export async function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal?.reason)
  const forget = clock.after(delayMs, resolve)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    forget()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** The context as it is after so much of its time has gone; null when nothing is left. */
export function timeLeft(context: RequestContext, elapsedMs: number): RequestContext | null {
  if (elapsedMs === 0) return context
  const deadlineMs = context.deadlineMs - elapsedMs
  return deadlineMs > 0 ? { ...context, deadlineMs } : null
}

/**
 * The same. DEADLINE_EXCEEDED when nothing is left.
 * @param what took that time, as in "Looking up acme/m".
 */
export function remaining(context: RequestContext, elapsedMs: number, what: string): RequestContext {
  const left = timeLeft(context, elapsedMs)
  if (left !== null) return left
  const deadlineMs = wholeMs(context.deadlineMs)
  throw new HoldfastError('DEADLINE_EXCEEDED', `${what} did not end within ${deadlineMs} ms; allow more time.`, {
    details: { deadlineMs },
  })
}
