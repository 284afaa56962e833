/** What a node has at rest, and what of it is more than it was: memory, descriptors, processes, and files that are half there. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { processTree, treeRssMb } from '../hostile/node-watch.ts'
import type { ChaosLab, ChaosNode } from './chaos-lab.ts'

interface Belongings {
  readonly memoryMb: number
  readonly descriptors: number
  readonly processes: number
  readonly files: number
}

/** What may differ between two moments at rest: connections come and go, a heap is collected now or later, a worker is started again. */
const allowed: Belongings = { memoryMb: 128, descriptors: 48, processes: 1, files: 0 }
const kinds = Object.keys(allowed) as (keyof Belongings)[]

export async function belongingsOf(lab: ChaosLab): Promise<Belongings[]> {
  return Promise.all(lab.nodes.map(belongings))
}

/** @returns what each node has too much, for people; nothing when nothing was left behind. */
export function leftBehind(lab: ChaosLab, before: readonly Belongings[], after: readonly Belongings[]): string[] {
  return lab.nodes.flatMap(({ host }, node) =>
    kinds
      .filter((kind) => after[node]![kind] > before[node]![kind] + allowed[kind])
      .map((kind) => `${host}: ${kind} ${before[node]![kind].toFixed(0)} -> ${after[node]![kind].toFixed(0)}`),
  )
}

/** Processes of nodes that are still there after these have stopped. */
export async function survivors(pids: readonly number[]): Promise<number[]> {
  const states = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)))
  return pids.filter((_, at) => states[at] !== null)
}

export async function processesOf(lab: ChaosLab): Promise<number[]> {
  return (await Promise.all(lab.nodes.map((node) => processTree(node.process!.process.pid!)))).flat()
}

async function belongings({ process, dataPath }: ChaosNode): Promise<Belongings> {
  const pid = process!.process.pid!
  const partials = await filesBelow(join(dataPath, 'disk', 'partial'))
  return {
    memoryMb: await treeRssMb(pid),
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    processes: (await processTree(pid)).length,
    files: partials + (await filesBelow(join(dataPath, 'scratch'))),
  }
}

async function filesBelow(folder: string): Promise<number> {
  return (await readdir(folder, { recursive: true }).catch(() => [])).length
}
