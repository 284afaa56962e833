/**
 * Deadlines as abort signals. The work behind a wait goes on for the others who share it; only this caller's wait ends.
 */
import { HoldfastError, type RequestContext } from '../../common/index.ts'

/** Longer than any timer can count: no deadline. */
const timerMsMax = 2 ** 31 - 1

/** Rejects with DEADLINE_EXCEEDED when the context's deadline passes before `work` ends, or with the signal's reason on abort. */
export async function withDeadline<T>(
  work: Promise<T>,
  context: RequestContext,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  const hasDeadline = context.deadlineMs < timerMsMax
  if (!hasDeadline && signal === undefined) return work
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = hasDeadline ? setTimeout(expire, Math.max(0, context.deadlineMs)) : undefined
  const onAbort = () => reject(signal?.reason)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  work.then(resolve, reject)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }

  function expire(): void {
    reject(
      new HoldfastError(
        'DEADLINE_EXCEEDED',
        `${what} did not end within ${context.deadlineMs} ms; it goes on in the background.`,
        {
          details: { deadlineMs: context.deadlineMs },
        },
      ),
    )
  }
}

/** Fires when so many milliseconds have passed, fractions and Infinity included, or with the caller's signal. */
export function deadlineSignal(deadlineMs: number, signal?: AbortSignal): AbortSignal | undefined {
  if (!(deadlineMs < timerMsMax)) return signal
  // The timer itself takes whole milliseconds only.
  const timeout = AbortSignal.timeout(Math.max(0, Math.ceil(deadlineMs)))
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal])
}

/** The context as it is after so much of its time has gone. DEADLINE_EXCEEDED when nothing is left. */
export function remaining(context: RequestContext, elapsedMs: number): RequestContext {
  const leftMs = context.deadlineMs - elapsedMs
  if (leftMs > 0) return { ...context, deadlineMs: leftMs }
  throw new HoldfastError('DEADLINE_EXCEEDED', `the deadline of ${context.deadlineMs} ms has passed; allow more time.`)
}
