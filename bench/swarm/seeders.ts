/** One node that pulls from 1, 2, 4 and 8 others whose uploads are the limit: what it gets over what they can give. */
import { LabCluster } from '../lab/lab-cluster.ts'
import { NetworkLab } from '../lab/network-lab.ts'
import type { BenchRow } from '../types.ts'
import type { SwarmPlan } from './setup.ts'
import { hostNames, openEverywhere, plainNodes, site, untilHolders, wideBytesPerS, withOrigin } from './swarm-lab.ts'

export async function seederRows({ seeders }: SwarmPlan, say: (text: string) => void): Promise<BenchRow[]> {
  const { counts, linkBytesPerS, seconds } = seeders
  const hosts = hostNames('seeder', Math.max(...counts))
  const wide = site('site', [...hosts, 'puller'], wideBytesPerS)
  const lab = await NetworkLab.create(withOrigin([{ ...wide, hostUpBytesPerS: linkBytesPerS }], wideBytesPerS))
  try {
    const weights = counts.map((count) => ({ name: nameOf(count), sizeBytes: count * linkBytesPerS * seconds }))
    const memoryBytes = weights.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const nodes = plainNodes([...hosts, 'puller'], 'site', memoryBytes)
    const cluster = await LabCluster.start(lab, { nodes, models: [], weights })
    try {
      const rows: BenchRow[] = []
      for (const [index, count] of counts.entries()) {
        say(`one node pulls from ${count}`)
        rows.push(await aggregateRow(cluster, count, weights[index]!.sizeBytes, count * linkBytesPerS))
      }
      return rows
    } finally {
      await cluster.dispose()
    }
  } finally {
    await lab.dispose()
  }
}

async function aggregateRow(
  cluster: LabCluster,
  count: number,
  sizeBytes: number,
  bytesPerS: number,
): Promise<BenchRow> {
  const puller = cluster.nodes.at(-1)!
  await openEverywhere(cluster, cluster.nodes.slice(0, count), nameOf(count))
  await untilHolders(puller, count, sizeBytes)
  const { seconds, originBytes } = await openEverywhere(cluster, [puller], nameOf(count))
  return {
    id: `aggregate_rate/${count}`,
    value: sizeBytes / seconds[0]! / bytesPerS,
    unit: 'ratio',
    n: 1,
    note: `of ${(bytesPerS / 1e6).toFixed(1)} MB/s in all; ${(originBytes / 1e6).toFixed(1)} MB came from the origin; goal 0.95`,
  }
}

function nameOf(count: number): string {
  return `bench/of-${count}`
}
