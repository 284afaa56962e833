/** Bounds on waits, counted by the clock of the node. */
import type { Clock } from '../system/index.ts'

/** A signal that aborts when the time is up, or with the caller's; `forget` as soon as nobody waits for it any more. */
export function abortAfter(
  clock: Clock,
  ms: number,
  caller?: AbortSignal,
): { signal: AbortSignal; forget: () => void } {
  const abort = new AbortController()
  const isUp = () => abort.abort(new DOMException('the time for this step is up', 'TimeoutError'))
  const signal = caller === undefined ? abort.signal : AbortSignal.any([abort.signal, caller])
  return { signal, forget: clock.after(ms, isUp) }
}
