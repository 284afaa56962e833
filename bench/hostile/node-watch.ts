/** What an attack costs a node, as its machine sees it: the memory of the process and its children, and the lines of its log. */
import { readdir, readFile } from 'node:fs/promises'
import type { SpawnedNode } from '../../demo/index.ts'

const lookMs = 100

export class NodeWatch {
  private readonly node: SpawnedNode
  private readonly startedMs = performance.now()
  private readonly rssBeforeMb: number
  private readonly linesBefore: number
  private rssPeakMb: number
  private looking: Promise<void> = Promise.resolve()
  private readonly timer: NodeJS.Timeout

  private constructor(node: SpawnedNode, rssMb: number, lines: number) {
    this.node = node
    this.rssBeforeMb = rssMb
    this.rssPeakMb = rssMb
    this.linesBefore = lines
    this.timer = setInterval(() => {
      this.looking = this.looking.then(async () => {
        this.rssPeakMb = Math.max(this.rssPeakMb, await treeRssMb(this.node.process.pid!))
      })
    }, lookMs)
  }

  static async start(node: SpawnedNode): Promise<NodeWatch> {
    return new NodeWatch(node, await treeRssMb(node.process.pid!), await logLines(node))
  }

  async stop(): Promise<{ readonly rssGrowthMb: number; readonly logLinesPerS: number }> {
    clearInterval(this.timer)
    await this.looking
    const seconds = (performance.now() - this.startedMs) / 1_000
    return {
      rssGrowthMb: this.rssPeakMb - this.rssBeforeMb,
      logLinesPerS: ((await logLines(this.node)) - this.linesBefore) / seconds,
    }
  }
}

/** Resident memory of a process and all below it, shared memory left out, in MB. What has just ended counts nothing. */
export async function treeRssMb(root: number): Promise<number> {
  const kb = await Promise.all((await processTree(root)).map(privateKb))
  return kb.reduce((sum, one) => sum + one, 0) * (1_024 / 1e6)
}

/** The process and all below it. */
export async function processTree(root: number): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null)
    if (stat !== null) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const tree = [root]
  for (const parent of tree) for (const [pid, of] of parents) if (of === parent) tree.push(pid)
  return tree
}

async function privateKb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return field('VmRSS') - field('RssShmem')
}

async function logLines({ logPath }: SpawnedNode): Promise<number> {
  return (await readFile(logPath, 'utf8')).split('\n').length - 1
}
