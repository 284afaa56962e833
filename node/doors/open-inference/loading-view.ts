/** What callers are told of a model on its way: numbers that were measured, and nothing guessed. */
import type { Loading } from '../../models/index.ts'

export interface LoadingView {
  readonly state: Loading['state']
  /** From 0 to 1, of the fetch; absent before its size is known. */
  readonly progress?: number
  readonly bytes: number
  readonly totalBytes: number
  /** Until the bytes are here, by the rate of this fetch so far; absent while there is no rate. */
  readonly etaSeconds?: number
}

export function loadingView({ state, doneBytes, totalBytes, bytesPerS }: Loading): LoadingView {
  const progress = totalBytes > 0 ? { progress: Math.round((1000 * doneBytes) / totalBytes) / 1000 } : {}
  const eta = bytesPerS === null ? {} : { etaSeconds: Math.ceil((totalBytes - doneBytes) / bytesPerS) }
  return { state, ...progress, bytes: doneBytes, totalBytes, ...eta }
}
