/**
 * Waits for a condition of another process by looking at it again and again, as long as the test may take; a test that hangs here
 * says what was last seen. For what cannot be awaited as an event; never a substitute for a condition.
 */
import { hung } from './hung.ts'

const periodMs = 25

export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
): Promise<T> {
  const signal = hung()
  let last: unknown
  const failure = () =>
    new Error(`${what} did not come true; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`)
  // The runner reports the error that it aborts with, and its cause.
  const explain = () => Object.assign(signal.reason, { cause: failure() })
  signal.addEventListener('abort', explain, { once: true })
  try {
    while (!signal.aborted) {
      try {
        const seen = await look()
        if (seen) return seen
        last = seen
      } catch (error) {
        last = error
      }
      await new Promise((resolve) => setTimeout(resolve, periodMs))
    }
  } finally {
    signal.removeEventListener('abort', explain)
  }
  throw failure()
}
