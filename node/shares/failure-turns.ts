/** Work that may fail, of owners whose failures cost something: who fails over and over waits for the next turn (see FailurePace). */
import type { Clock } from '../../common/index.ts'
import { FailurePace, type FailurePaceOptions } from './failure-pace.ts'

/** Work that would wait longer behind failures is refused. */
const waitMsMax = 10_000

export class FailureTurns {
  private readonly clock: Clock
  private readonly pace: FailurePace
  private readonly isOwners: (error: unknown) => boolean

  /** @param isOwners whether a failure is the owner's, and not of what the work depends on. */
  constructor(clock: Clock, options: FailurePaceOptions, isOwners: (error: unknown) => boolean = () => true) {
    this.clock = clock
    this.isOwners = isOwners
    this.pace = new FailurePace(options)
  }

  /** Null when the turn would come after so long, or never soon; the work is not begun then. */
  async take<T>(owner: string, withinMs: number, work: () => Promise<T>): Promise<T | null> {
    const { clock, pace } = this
    const waitMs = pace.enter(owner, clock.nowMs())
    if (waitMs > 0) {
      const isInTime = waitMs < Math.min(waitMsMax, withinMs)
      if (isInTime) await new Promise<void>((resolve) => clock.after(waitMs, resolve))
      pace.waited(owner)
      if (!isInTime) return null
    }
    try {
      return await work()
    } catch (error) {
      if (this.isOwners(error)) pace.failed(owner, clock.nowMs())
      throw error
    }
  }
}
