/**
 * Deadlines as abort signals. The work behind a wait goes on for the others who share it; only this caller's wait ends.
 */
import { HoldfastError } from '../placement/errors.ts'
import type { RequestContext } from '../placement/types.ts'

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
