/**
 * Ends work of a child process that has used up its time of the processor. Time on the wall says little: on a busy machine a conversion,
 * which gives way to everything else, waits most of the time.
 */
import { readFileSync } from 'node:fs'
import type { Clock } from '../../common/index.ts'

export interface ProcessorLimit {
  readonly clock: Clock
  /** Time of the processor that the child has used so far, in milliseconds; null when nobody can tell. */
  readonly usedMs: () => number | null
  readonly processorMsMax: number
  /** The end of work that waits for something that never comes. */
  readonly wallMsMax: number
  readonly onLate: () => void
}

/** @returns what ends the watch. Where nobody can tell what was used, the time on the wall counts as such. */
export function limitProcessor({ clock, usedMs, processorMsMax, wallMsMax, onLate }: ProcessorLimit): () => void {
  const startedMs = clock.nowMs()
  let cancel = () => {}
  const look = (): void => {
    const elapsedMs = clock.nowMs() - startedMs
    const leftMs = Math.min(processorMsMax - (usedMs() ?? elapsedMs), wallMsMax - elapsedMs)
    if (leftMs <= 0) onLate()
    else cancel = clock.after(Math.ceil(leftMs), look)
  }
  look()
  return () => cancel()
}

/** In a tick of the kernel's accounts. */
const msPerTick = 10

/** Processor time of all threads of the process, in milliseconds; null when it is gone, or where the system has no /proc. */
export function processorMsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number)
    return (user! + system!) * msPerTick
  } catch {
    return null
  }
}
