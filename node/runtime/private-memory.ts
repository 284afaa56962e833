/** Memory of this process that no other shares, in bytes: what is resident less what is mapped from files and shared memory. */
import { readFileSync } from 'node:fs'

const pageBytes = 4096

/** NaN where the system has no /proc. */
export function privateMemoryBytes(): number {
  try {
    const [, resident, shared] = readFileSync('/proc/self/statm', 'latin1').split(' ').map(Number)
    return (resident! - shared!) * pageBytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.NaN
    throw error
  }
}
