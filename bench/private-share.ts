/** How much of the mapped weights is private to the processes below a node: 0 when they share every page. Reads /proc (Linux). */
import { readdir, readFile } from 'node:fs/promises'
import { HoldfastError } from '../common/index.ts'

/** memfd segments carry this in their name. */
const segmentName = 'memfd:holdfast'

/** Percent of the segments' resident bytes that are private, over all child processes of the node that map any. */
export async function privatePercentOfSegments(nodePid: number): Promise<number> {
  let privateBytes = 0
  let mappedBytes = 0
  for (const pid of await childrenOf(nodePid)) {
    for (const mapping of await segmentsOf(pid)) {
      privateBytes += mapping.privateBytes
      mappedBytes += mapping.residentBytes
    }
  }
  if (mappedBytes === 0) throw new HoldfastError('SYSTEM', `No child process of ${nodePid} maps a segment.`)
  return (100 * privateBytes) / mappedBytes
}

async function childrenOf(pid: number): Promise<number[]> {
  const lists = (await readdir(`/proc/${pid}/task`)).map((task) =>
    readFile(`/proc/${pid}/task/${task}/children`, 'utf8'),
  )
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean).map(Number)
}

interface Mapping {
  readonly residentBytes: number
  readonly privateBytes: number
}

async function segmentsOf(pid: number): Promise<Mapping[]> {
  const mappings: Mapping[] = []
  // A mapping begins with its address range and goes on with one `Name: N kB` a line.
  for (const block of (await readFile(`/proc/${pid}/smaps`, 'utf8')).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    if (!block.slice(0, block.indexOf('\n')).includes(segmentName)) continue
    const kibOf = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(block)?.[1] ?? 0)
    mappings.push({
      residentBytes: kibOf('Rss') * 1024,
      // The kernel also calls a page private that only one process happens to have touched: the strict reading is kept.
      privateBytes: (kibOf('Private_Clean') + kibOf('Private_Dirty')) * 1024,
    })
  }
  return mappings
}
