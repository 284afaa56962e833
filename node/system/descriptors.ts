/** How many files, sockets and segments this process has open, and may have. */
import { readdirSync, readFileSync } from 'node:fs'
import { type Clock, isOutOfDescriptors } from '../../common/index.ts'

export interface DescriptorUse {
  readonly open: number
  readonly limit: number
}

/** Counting reads a folder with an entry for each. */
const freshMs = 1_000

/** The reader of the use, at most a second old; null where the system has no /proc. */
export function descriptorWatch(clock: Clock, read: () => DescriptorUse | null = readDescriptorUse) {
  let known: DescriptorUse | null = null
  let readMs = Number.NEGATIVE_INFINITY
  return (): DescriptorUse | null => {
    if (clock.nowMs() - readMs >= freshMs) {
      known = read()
      readMs = clock.nowMs()
    }
    return known
  }
}

function readDescriptorUse(): DescriptorUse | null {
  try {
    const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
    return { open: readdirSync('/proc/self/fd').length, limit }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    // Not even one for the count is left.
    if (isOutOfDescriptors(error)) return { open: 0, limit: 0 }
    throw error
  }
}
