/** Bounds on waits of a node that stops: whatever does not end in time is left behind. */
import type { Clock } from '../system/index.ts'

/** True when the work ended, well or not, within the time. */
export async function endsWithin(clock: Clock, withinMs: number, work: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const forget = clock.after(withinMs, () => resolve(false))
  work.then(
    () => resolve(true),
    () => resolve(true),
  )
  try {
    return await promise
  } finally {
    forget()
  }
}
