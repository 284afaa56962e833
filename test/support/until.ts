/**
 * Waits for a condition of another process by looking at it again and again; fails, with what was last seen, when the time is up.
 * For what cannot be awaited as an event; never a substitute for a condition.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: { readonly timeoutMs?: number; readonly periodMs?: number } = {},
): Promise<T> {
  const { timeoutMs = 30_000, periodMs = 25 } = options
  const deadlineMs = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < deadlineMs) {
    try {
      const seen = await look()
      if (seen) return seen
      last = seen
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, periodMs))
  }
  throw new Error(
    `${what} did not come true within ${timeoutMs} ms; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  )
}
