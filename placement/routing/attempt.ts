/**
 * How long a request waits for the holder that it was sent to before it asks somewhere else too. The holder is *late* when it takes longer
 * than it usually does. From then on waiting costs what it costs to be wrong, so the other way is taken when as much time has gone as it
 * is expected to take, or at the last moment at which it still makes the deadline: a request never waits much longer than twice the
 * best it could have done, whether the holder is dead or slow, and however dear the other way is.
 *
 * The holder goes on meanwhile, and the first answer counts. Asking twice is rationed, because in a cluster that is overloaded everybody
 * is late; beyond the ration the request leaves the holder instead, at once when that answers nobody, and after its share of time when
 * it does.
 */

import type { RouteChoice } from './route.ts'

/** What a holder took for the requests that it answered, smoothed. */
export interface UsualTime {
  readonly meanMs: number
  readonly deviationMs: number
}

export interface AttemptOptions {
  /** Nobody is late before: pauses of a busy machine are as long. */
  readonly lateMsMin: number
  /** The same where nothing was measured: a model that begins to run may be slow the first time. */
  readonly unmeasuredLateMs: number
  /** Deviations above the mean that are usual. Four, as for the timeout of TCP. */
  readonly deviations: number
  /** Part of its time at which another way has to begin, for it may take longer than expected. */
  readonly margin: number
}

export const defaultAttemptOptions: AttemptOptions = {
  lateMsMin: 250,
  unmeasuredLateMs: 1_000,
  deviations: 4,
  margin: 1.5,
}

/**
 * @param expectedMs what the route was chosen for.
 * @param limitMs what the request has at most; half of it is the share of one attempt, unless the holder is known to need more.
 */
export function lateAfterMs(
  { expectedMs, usual, limitMs }: { expectedMs: number; usual: UsualTime | null; limitMs: number },
  { lateMsMin, unmeasuredLateMs, deviations }: AttemptOptions = defaultAttemptOptions,
): number {
  const shareMs = limitMs / 2
  if (usual === null) return Math.min(Math.max(unmeasuredLateMs, 2 * expectedMs), Math.max(shareMs, expectedMs))
  const { meanMs, deviationMs } = usual
  const lateMs = Math.max(lateMsMin, 2 * expectedMs, meanMs + deviations * deviationMs)
  return Math.min(lateMs, Math.max(shareMs, meanMs + deviationMs))
}

export interface AttemptView {
  readonly elapsedMs: number
  /** Of lateAfterMs(). */
  readonly lateMs: number
  /** Of the request's deadline. */
  readonly leftMs: number
  /** After which the attempt ends in any case. */
  readonly limitMs: number
  /** What the request would do without this holder; null when there is nothing. */
  readonly other: Pick<RouteChoice, 'expectedMs'> | null
  /** The holder is to be avoided by now. */
  readonly isSuspected: boolean
  /** It has answered nobody since it was asked. */
  readonly isMute: boolean
  /** There is some ration left. */
  readonly mayAskTwice: boolean
}

export type AttemptStep =
  /** Look again after so long. */
  | { readonly kind: 'wait'; readonly afterMs: number }
  /** Take the other way too. */
  | { readonly kind: 'ask-another' }
  /** Take the other way instead. */
  | { readonly kind: 'leave' }

export function nextOfAttempt(view: AttemptView, options: AttemptOptions = defaultAttemptOptions): AttemptStep {
  const { elapsedMs, lateMs, leftMs, limitMs, other } = view
  // Nothing better to do: as long again, and then perhaps there is.
  if (other === null || other.expectedMs > leftMs) return waitUntil(2 * Math.max(elapsedMs, lateMs), elapsedMs)
  if (view.isSuspected) return { kind: 'leave' }
  const { expectedMs } = other
  const lastMomentMs = elapsedMs + leftMs - options.margin * expectedMs
  const dueMs = Math.min(lateMs + expectedMs, Math.max(lateMs, lastMomentMs))
  if (elapsedMs < dueMs) return waitUntil(dueMs, elapsedMs)
  if (view.mayAskTwice) return { kind: 'ask-another' }
  if (view.isMute) return { kind: 'leave' }
  const shareMs = Math.max(2 * dueMs, Math.min(limitMs, elapsedMs + leftMs) / 2)
  return elapsedMs < shareMs ? waitUntil(shareMs, elapsedMs) : { kind: 'leave' }
}

/** A millisecond at least: sums of times have rests that would come to the same moment again. */
function waitUntil(atMs: number, elapsedMs: number): AttemptStep {
  return { kind: 'wait', afterMs: Math.max(1, atMs - elapsedMs) }
}
