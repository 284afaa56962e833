/** Users of all nodes, at a pace that no answer slows down: each answer is compared with the one that is known. */
import type { Prng } from '../../common/index.ts'
import { askChecked } from '../lab/checked-model.ts'
import { labToken } from '../lab/lab-cluster.ts'
import type { ChaosLab, ChaosNode } from './chaos-lab.ts'

export interface Request {
  readonly node: ChaosNode
  readonly model: string
  readonly startedMs: number
  readonly endedMs: number
  /** The run of the node that was asked. */
  readonly run: number
  /** null: no answer, and `failure` says why. */
  readonly isRight: boolean | null
  readonly servedFrom: string
  readonly failure: string
}

export interface LoadOptions {
  readonly everyMs: number
  /** A user waits for so long. */
  readonly patienceMs: number
  /** Models are taken out of memory and off the disk at this pace, one node at a time, so that there is something to fetch. */
  readonly evictEveryMs: number
}

export const defaultLoadOptions: LoadOptions = { everyMs: 100, patienceMs: 10_000, evictEveryMs: 5_000 }

export class Load {
  readonly requests: Request[] = []
  private readonly lab: ChaosLab
  private readonly random: Prng
  private readonly options: LoadOptions
  private readonly open = new Set<Promise<void>>()
  private readonly timers: NodeJS.Timeout[] = []
  private probes = 0

  constructor(lab: ChaosLab, random: Prng, options: LoadOptions = defaultLoadOptions) {
    this.lab = lab
    this.random = random
    this.options = options
  }

  start(): void {
    this.timers.push(setInterval(() => this.askSomebody(), this.options.everyMs))
    this.timers.push(setInterval(() => this.evictSomewhere(), this.options.evictEveryMs))
  }

  /** After the last answer. */
  async stop(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer)
    await Promise.all(this.open)
  }

  /** One request at each node that is up; gives the failures, none when all were answered right. */
  async failuresNow(): Promise<string[]> {
    const { nodes, models } = this.lab
    const up = nodes.filter(({ process }) => process !== null)
    const asked = await Promise.all(up.map((node) => this.ask(node, models.names[this.probes % models.names.length]!)))
    this.probes += 1
    return asked.flatMap(({ node, model, isRight, failure }) =>
      isRight === true ? [] : [`${model} at ${node.host}: ${isRight === null ? failure : 'a wrong answer'}`],
    )
  }

  private askSomebody(): void {
    const { nodes, models } = this.lab
    const node = nodes[this.random.int(nodes.length)]!
    const model = models.names[this.random.int(models.names.length)]!
    if (node.process === null) return
    const asking: Promise<void> = this.ask(node, model).then((request) => {
      this.requests.push(request)
      this.open.delete(asking)
    })
    this.open.add(asking)
  }

  private async ask(node: ChaosNode, model: string): Promise<Request> {
    const [startedMs, run] = [performance.now(), node.starts]
    const signal = AbortSignal.timeout(this.options.patienceMs)
    const asked = await askChecked(node.process!.httpUrl, this.lab.models.revisions(model), signal).catch(
      (error: Error) => ({
        isRight: null,
        servedFrom: '',
        failure: `${(error as { code?: string }).code ?? ''} ${error.message}`,
      }),
    )
    return { node, model, startedMs, endedMs: performance.now(), run, failure: '', ...asked }
  }

  private evictSomewhere(): void {
    const { nodes, models } = this.lab
    const node = nodes[this.random.int(nodes.length)]!
    const name = models.names[this.random.int(models.names.length)]!
    const disk = this.random.chance(1, 2)
    if (node.process === null) return
    fetch(`${node.process.httpUrl}/v1/evict/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${labToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ disk }),
      signal: AbortSignal.timeout(this.options.patienceMs),
    }).catch(() => {})
  }
}
