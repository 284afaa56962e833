/** Looks at all nodes again and again: what each holds, and whether a tier is above its limit. */
import { connect } from '../../clients/node/index.ts'
import { labToken } from '../lab/lab-cluster.ts'
import type { ChaosLab, ChaosNode } from './chaos-lab.ts'

interface Look {
  readonly atMs: number
  /** Digests of models in memory or on disk. */
  readonly models: ReadonlySet<string>
}

const lookMs = 500
const timeoutMs = 2_000

export class Watch {
  limitsExceeded = 0
  private readonly lab: ChaosLab
  private readonly looks = new Map<ChaosNode, Look[]>()
  private timer: NodeJS.Timeout | null = null

  constructor(lab: ChaosLab) {
    this.lab = lab
    for (const node of lab.nodes) this.looks.set(node, [])
  }

  start(): void {
    this.timer = setInterval(() => {
      for (const node of this.lab.nodes) void this.look(node).catch(() => {})
    }, lookMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.timer!)
    // The last look is after the last request.
    await Promise.allSettled(this.lab.nodes.map((node) => this.look(node)))
  }

  /** Nodes that held any of the models before and after that time. */
  holders(digests: readonly string[], fromMs: number, toMs: number): Set<number> {
    const holds = (look: Look | undefined) => look !== undefined && digests.some((digest) => look.models.has(digest))
    const found = this.lab.nodes.flatMap((node, index) => {
      const looks = this.looks.get(node)!
      const before = looks.findLast(({ atMs }) => atMs <= fromMs)
      const after = looks.find(({ atMs }) => atMs >= toMs)
      return holds(before) && holds(after) ? [index] : []
    })
    return new Set(found)
  }

  private async look(node: ChaosNode): Promise<void> {
    const { process } = node
    if (process === null) return
    const response = await fetch(`${process.httpUrl}/v1/models`, {
      headers: { authorization: `Bearer ${labToken}` },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const { models } = (await response.json()) as { models: { model: string; tier: string | null }[] }
    const held = models.filter(({ tier }) => tier === 'memory' || tier === 'disk').map(({ model }) => model)
    this.looks.get(node)!.push({ atMs: performance.now(), models: new Set(held) })
    const store = await connect(process.socketPath)
    try {
      const { memoryUsedBytes, memoryLimitBytes, diskUsedBytes, diskLimitBytes } = await store.status()
      if (memoryUsedBytes > memoryLimitBytes || diskUsedBytes > diskLimitBytes) this.limitsExceeded += 1
    } finally {
      store.close()
    }
  }
}
