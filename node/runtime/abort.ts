/** Ends of waiting: a signal's reason as one of our errors, and a promise that is given up when a signal fires. */
import { HoldfastError } from '../../common/index.ts'

/** The signal's own reason when it is one of ours; any other means that the caller stopped waiting. */
export function errorOfAbort(signal: AbortSignal): HoldfastError {
  const reason: unknown = signal.reason
  if (reason instanceof HoldfastError) return reason
  return new HoldfastError('DEADLINE_EXCEEDED', 'The caller stopped waiting before the work was done.', {
    cause: reason,
  })
}

/** Settles as `work` does, or rejects when the signal fires first; the work itself goes on. */
export function orAborted<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work
  if (signal.aborted) return Promise.reject(errorOfAbort(signal))
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(errorOfAbort(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
