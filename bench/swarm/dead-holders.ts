/**
 * Holders that die by kill -9, every second one with its line cut at the same moment, so that nothing says goodbye for it: how long the
 * others take it for a source, and whether an open that begins as it dies still succeeds.
 */
import { open } from '../../clients/node/index.ts'
import type { SpawnedNode } from '../../demo/index.ts'
import { LabCluster } from '../lab/lab-cluster.ts'
import { NetworkLab } from '../lab/network-lab.ts'
import { quantile } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import type { SwarmPlan } from './setup.ts'
import {
  evictFrom,
  hostNames,
  membersAt,
  openEverywhere,
  plainNodes,
  site,
  untilHolders,
  wideBytesPerS,
  withOrigin,
} from './swarm-lab.ts'

const name = 'bench/weights'
const lookMs = 20

export async function deadHolderRows({ deaths }: SwarmPlan, say: (text: string) => void): Promise<BenchRow[]> {
  const { holderCount, killCount, modelBytes, linkBytesPerS } = deaths
  const hosts = [...hostNames('holder', holderCount), 'puller']
  const lab = await NetworkLab.create(withOrigin([site('site', hosts, linkBytesPerS)], wideBytesPerS))
  try {
    say(`${killCount} of ${holderCount} holders are killed`)
    const nodes = plainNodes(hosts, 'site', modelBytes)
    const cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes: modelBytes }] })
    try {
      const avoidedSeconds: number[] = []
      let failedOpens = 0
      const [holders, puller] = [cluster.nodes.slice(0, holderCount), cluster.nodes[holderCount]!]
      await openEverywhere(cluster, holders, name)
      for (let kill = 0; kill < killCount; kill++) {
        const alive = holders.slice(kill)
        await untilHolders(puller, alive.length, modelBytes)
        const opened = opens(puller)
        if (kill % 2 === 1) await lab.cut(alive[0]!.name)
        await alive[0]!.kill()
        avoidedSeconds.push(...(await secondsUntilAvoided([...alive.slice(1), puller], alive[0]!.nodeId)))
        if (await opened) await evictFrom(puller, name)
        else failedOpens += 1
      }
      return [
        {
          id: 'dead_holder_avoided_p99_s',
          value: quantile(avoidedSeconds, 0.99),
          unit: 's',
          n: avoidedSeconds.length,
          note: `of all nodes that live, after ${killCount} kills; median ${quantile(avoidedSeconds, 0.5).toFixed(2)} s; goal 3`,
        },
        {
          id: 'dead_holder_failed_opens',
          value: failedOpens,
          unit: 'opens',
          n: killCount,
          note: 'begun as a holder died, others living; goal 0',
        },
      ]
    } finally {
      await cluster.dispose()
    }
  } finally {
    await lab.dispose()
  }
}

/** True when the model came. */
async function opens({ socketPath }: SpawnedNode): Promise<boolean> {
  try {
    using model = await open(name, { socketPath })
    return model.files[0]!.bytes.length > 0
  } catch {
    return false
  }
}

/** Of each node, until it suspects the dead one or has forgotten it. */
function secondsUntilAvoided(nodes: readonly SpawnedNode[], dead: string): Promise<number[]> {
  const startedMs = performance.now()
  return Promise.all(
    nodes.map(async (node) => {
      while ((await membersAt(node)).some((member) => member.node === dead && !member.suspected)) {
        await new Promise((resolve) => setTimeout(resolve, lookMs))
      }
      return (performance.now() - startedMs) / 1000
    }),
  )
}
