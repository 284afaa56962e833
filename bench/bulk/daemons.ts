/** Holdfast's own transfer: two nodes on loopback, one of which has the model in memory, and a client that opens it at the other. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from '../../clients/node/index.ts'
import { HoldfastError } from '../../common/index.ts'
import { type DemoCluster, type SpawnedNode, startDemoCluster } from '../../demo/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import type { Contender, Transfer } from './contender.ts'
import { treeSeconds } from './processor-time.ts'

const MiB = 2 ** 20
const lookMs = 20
/** Ends a bench that hangs; a machine that does other things as well takes a while. */
const formTimeoutMs = 300_000

export interface PairOptions {
  /** The holder has the model on disk, not in memory. */
  readonly isHeldOnDisk?: boolean
}

export class DaemonPair implements Contender {
  readonly id = 'holdfast'
  readonly holder: SpawnedNode
  readonly puller: SpawnedNode
  private readonly cluster: DemoCluster
  private readonly name: string

  private constructor(cluster: DemoCluster, name: string) {
    this.cluster = cluster
    this.name = name
    const [holder, puller] = cluster.nodes as [SpawnedNode, SpawnedNode]
    this.holder = holder
    this.puller = puller
  }

  /** The holder has the model; the origin, from which it came, has gone. The puller has no disk tier: only memory is filled. */
  static async start(name: string, source: string, sizeBytes: number, options: PairOptions = {}): Promise<DaemonPair> {
    const memoryBytes = sizeBytes + 256 * MiB
    const cluster = await startDemoCluster({
      names: ['holder', 'puller'],
      formTimeoutMs,
      options: { 'memory.limitBytes': memoryBytes, 'disk.limitBytes': 0, 'placement.replication': false },
      optionsOf: options.isHeldOnDisk === true ? { holder: { 'disk.limitBytes': 2 * memoryBytes } } : {},
    })
    try {
      const pair = new DaemonPair(cluster, name)
      const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
      const origin = openOrigin(cluster.originUrl, { clock: systemClock })
      await push({ source, name, origin, publisherKey })
      if (options.isHeldOnDisk === true) await pair.prefetchToDisk()
      else await openAndClose(pair.holder, name)
      await pair.heard()
      await rm(join(cluster.folder, 'origin', 'objects'), { recursive: true })
      return pair
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async transfer(): Promise<Transfer> {
    const pids = [this.holder.process.pid!, this.puller.process.pid!]
    const beforeSeconds = await treeSeconds(...pids)
    const startedMs = performance.now()
    await openAndClose(this.puller, this.name)
    const seconds = (performance.now() - startedMs) / 1000
    const processorSeconds = (await treeSeconds(...pids)) - beforeSeconds
    await this.evict()
    return { seconds, processorSeconds }
  }

  stop(): Promise<void> {
    return this.cluster.stop()
  }

  private async evict(): Promise<void> {
    await postJson(`${this.puller.httpUrl}/v1/evict/${this.name}`, {})
  }

  private async prefetchToDisk(): Promise<void> {
    await postJson(`${this.holder.httpUrl}/v1/prefetch/${this.name}`, { tier: 'disk' })
    for (;;) {
      const { prefetches } = (await (await fetch(`${this.holder.httpUrl}/v1/prefetch`)).json()) as {
        prefetches: { state: string; error: { message: string } | null }[]
      }
      const [prefetch] = prefetches
      if (prefetch?.state === 'done') return
      if (prefetch?.state === 'failed') throw new HoldfastError('SYSTEM', `The holder: ${prefetch.error?.message}`)
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
  }

  /** Waits until the puller knows what the holder has. */
  private async heard(): Promise<void> {
    while (!(await this.knows())) await new Promise((resolve) => setTimeout(resolve, lookMs))
  }

  private async knows(): Promise<boolean> {
    const { members } = (await (await fetch(`${this.puller.httpUrl}/v1/cluster`)).json()) as {
      members: { node: string; models: unknown[] }[]
    }
    return members.some(({ node, models }) => node === this.holder.nodeId && models.length > 0)
  }
}

async function postJson(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new HoldfastError('SYSTEM', `POST ${url}: ${await response.text()}`)
}

async function openAndClose(node: SpawnedNode, name: string): Promise<void> {
  using model = await open(name, { socketPath: node.socketPath })
  void model.files[0]!.bytes[0]
}
