/** What /proc/PID/smaps says of a process: how much of the mapped segments it shares, and what it has beside them. */
import { readFile } from 'node:fs/promises'

/** memfd segments carry this in their name. */
const segmentName = 'memfd:holdfast:'

export interface MappedMemory {
  readonly segmentBytes: number
  /** Pages that exist for this process alone: copies that it wrote to. */
  readonly copiedBytes: number
  /** What the kernel calls private: also pages of the segment that nobody else happens to map now. */
  readonly unsharedBytes: number
  /** Private memory of the process that is not of a segment. */
  readonly otherPrivateBytes: number
}

export async function mappedMemoryOf(pid: number): Promise<MappedMemory> {
  const sum = { segmentBytes: 0, copiedBytes: 0, unsharedBytes: 0, otherPrivateBytes: 0 }
  // A mapping begins with its address range and goes on with one `Name: N kB` a line.
  for (const block of (await readFile(`/proc/${pid}/smaps`, 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const bytesOf = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(block)?.[1] ?? 0)
    const privateBytes = bytesOf('Private_Clean') + bytesOf('Private_Dirty')
    if (!block.slice(0, block.indexOf('\n')).includes(segmentName)) {
      sum.otherPrivateBytes += privateBytes
      continue
    }
    sum.segmentBytes += bytesOf('Rss')
    sum.copiedBytes += bytesOf('Anonymous')
    sum.unsharedBytes += privateBytes
  }
  return sum
}

export async function mappedMemoryOfAll(pids: readonly number[]): Promise<MappedMemory> {
  const all = await Promise.all(pids.map(mappedMemoryOf))
  const total = (key: keyof MappedMemory) => all.reduce((sum, one) => sum + one[key], 0)
  return {
    segmentBytes: total('segmentBytes'),
    copiedBytes: total('copiedBytes'),
    unsharedBytes: total('unsharedBytes'),
    otherPrivateBytes: total('otherPrivateBytes'),
  }
}
