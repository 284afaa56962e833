/** How long one run may hold its worker: while its request waits for it, a little longer, and never beyond a limit. */
import type { Clock } from '../../common/index.ts'

export interface RunLimitOptions {
  readonly clock: Clock
  /** At all. */
  readonly runMsMax: number
  /** After its request has ended. */
  readonly overtimeMs: number
  readonly signal: AbortSignal | undefined
  /** Called once. */
  readonly onLate: (reason: 'limit' | 'overtime') => void
}

/**
 * What a run may take beyond the end of its request: a model that usually takes longer is let come to its end, as ending its worker would
 * cost the others more.
 */
export function overtimeOf(overtimeMs: number, usualMs: number): number {
  return Math.max(overtimeMs, 2 * usualMs)
}

/** @returns what ends the watch. */
export function watchRun({ clock, runMsMax, overtimeMs, signal, onLate }: RunLimitOptions): () => void {
  let isOver = false
  const cancels: (() => void)[] = []
  const end = (): void => {
    isOver = true
    for (const cancel of cancels) cancel()
  }
  const late = (reason: 'limit' | 'overtime') => () => {
    if (isOver) return
    end()
    onLate(reason)
  }
  const onAbort = (): void => {
    cancels.push(clock.after(overtimeMs, late('overtime')))
  }
  cancels.push(clock.after(runMsMax, late('limit')))
  if (signal?.aborted) onAbort()
  else {
    signal?.addEventListener('abort', onAbort, { once: true })
    cancels.push(() => signal?.removeEventListener('abort', onAbort))
  }
  return end
}
