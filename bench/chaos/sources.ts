/** Whether a request could have been answered: a function of what was there while it ran. */
import { hasOrigin, isDown, isParted } from './fault-log.ts'
import type { Fault } from './faults.ts'

export interface SourceFacts {
  /** All that overlapped the request. */
  readonly faults: readonly Fault[]
  /** Of all nodes, by index. */
  readonly zones: readonly string[]
  /** Nodes that held the model, by both the last look before the request and the first after it. */
  readonly holders: ReadonlySet<number>
}

/** The asked node ran the whole time, and the model was on it, on a node that ran and was reached the whole time, or at the origin. */
export function hadSource(asked: number, { faults, zones, holders }: SourceFacts): boolean {
  if (isDown(faults, asked)) return false
  if (hasOrigin(faults)) return true
  return [...holders].some((node) => !isDown(faults, node) && !isParted(faults, zones, asked, node))
}
