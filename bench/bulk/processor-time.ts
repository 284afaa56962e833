/** Processor time of processes, as the kernel counts it. Reads /proc (Linux); the kernel counts in hundredths of a second. */
import { readdir, readFile } from 'node:fs/promises'

const ticksPerS = 100

interface Ticks {
  readonly own: number
  /** Of its children that have ended and their descendants. */
  readonly ended: number
}

/** Seconds of the processes and of all that they have started. One that has gone counts with the parent that waited for it. */
export async function treeSeconds(...pids: readonly number[]): Promise<number> {
  let sum = 0
  for (const pid of pids) {
    const { own, ended } = await ticksOf(pid)
    sum += (own + ended) / ticksPerS + (await treeSeconds(...(await childrenOf(pid))))
  }
  return sum
}

/** Seconds of all processes that this one has started and that have ended. */
export async function endedChildrenSeconds(): Promise<number> {
  return (await ticksOf(process.pid)).ended / ticksPerS
}

async function ticksOf(pid: number): Promise<Ticks> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name, in brackets, may hold blanks. What follows it begins with the third field; 14 to 17 are the times.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number)
  return { own: (user ?? 0) + (system ?? 0), ended: (endedUser ?? 0) + (endedSystem ?? 0) }
}

async function childrenOf(pid: number): Promise<number[]> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = tasks.map((task) => readFile(`/proc/${pid}/task/${task}/children`, 'utf8').catch(() => ''))
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean).map(Number)
}
