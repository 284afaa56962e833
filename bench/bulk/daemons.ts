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

  /** The holder has the model; the origin, from which it came, has gone. Without a disk tier: only memory is filled. */
  static async start(name: string, source: string, sizeBytes: number): Promise<DaemonPair> {
    const cluster = await startDemoCluster({
      names: ['holder', 'puller'],
      options: { 'memory.limitBytes': sizeBytes + 256 * MiB, 'disk.limitBytes': 0 },
    })
    try {
      const pair = new DaemonPair(cluster, name)
      const publisherKey = await loadPublisherKey(join(cluster.folder, 'publisher.key'))
      const origin = openOrigin(cluster.originUrl, { clock: systemClock })
      await push({ source, name, origin, publisherKey })
      await openAndClose(pair.holder, name)
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
    const url = `${this.puller.httpUrl}/v1/evict/${this.name}`
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    if (!response.ok) throw new HoldfastError('SYSTEM', `The node did not drop the model: ${await response.text()}`)
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

async function openAndClose(node: SpawnedNode, name: string): Promise<void> {
  using model = await open(name, { socketPath: node.socketPath })
  void model.files[0]!.bytes[0]
}
