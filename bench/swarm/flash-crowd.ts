/** All nodes want the same model at once, and only the origin has it. */

import { LabCluster } from '../lab/lab-cluster.ts'
import type { LabHost } from '../lab/network-lab.ts'
import { NetworkLab } from '../lab/network-lab.ts'
import { quantile } from '../statistics.ts'
import type { BenchRow } from '../types.ts'
import { everyoneFromOrigin } from './everyone-from-origin.ts'
import type { SwarmPlan } from './setup.ts'
import { type Arrivals, hostNames, openEverywhere, plainNodes, site, withOrigin } from './swarm-lab.ts'
import { torrentSeconds } from './torrent.ts'

const name = 'bench/weights'

export async function flashCrowdRows(plan: SwarmPlan, say: (text: string) => void): Promise<BenchRow[]> {
  const { nodeCount, modelBytes, linkBytesPerS } = plan
  const hosts = hostNames('n', nodeCount)
  const lab = await NetworkLab.create(withOrigin([site('site', hosts, linkBytesPerS)], linkBytesPerS))
  try {
    say(`${nodeCount} nodes want ${modelBytes / 1e6} MB at once`)
    const ours = await crowd(lab, hosts, modelBytes)
    const others = lab.hosts.filter((host) => host.name !== 'origin')
    const beside = await competitors(lab.host('origin'), others, plan, say)
    return rows(plan, ours, beside)
  } finally {
    await lab.dispose()
  }
}

async function crowd(lab: NetworkLab, hosts: readonly string[], modelBytes: number): Promise<Arrivals> {
  const nodes = plainNodes(hosts, 'site', modelBytes)
  const cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes: modelBytes }] })
  try {
    return await openEverywhere(cluster, cluster.nodes, name)
  } finally {
    await cluster.dispose()
  }
}

interface Beside {
  readonly id: string
  readonly seconds: readonly number[]
}

async function competitors(
  origin: LabHost,
  hosts: readonly LabHost[],
  plan: SwarmPlan,
  say: (text: string) => void,
): Promise<Beside[]> {
  const beside: Beside[] = []
  for (const [id, run] of [
    ['aria2-bittorrent', torrentSeconds],
    ['everyone-from-origin', everyoneFromOrigin],
  ] as const) {
    say(`the same by ${id}`)
    const seconds = await run(origin, hosts, plan.modelBytes, say)
    if (seconds !== null) beside.push({ id, seconds })
  }
  return beside
}

function rows(plan: SwarmPlan, ours: Arrivals, beside: readonly Beside[]): BenchRow[] {
  // No node can have it before it has come over its own line, and the origin's.
  const idealSeconds = plan.modelBytes / plan.linkBytesPerS
  const n = plan.nodeCount
  const spread = (seconds: readonly number[]) => quantile(seconds, 0.99) / quantile(seconds, 0.5)
  const makespan = (seconds: readonly number[]) => Math.max(...seconds) / idealSeconds
  const note = `all ${n} nodes have it after ${Math.max(...ours.seconds).toFixed(1)} s; the line of one carries it in ${idealSeconds.toFixed(1)} s; goal 1.25`
  return [
    { id: 'swarm_makespan_vs_ideal', value: makespan(ours.seconds), unit: 'ratio', n, note },
    ...beside.map(({ id, seconds }) => ({
      id: `swarm_makespan_vs_ideal/${id}`,
      value: makespan(seconds),
      unit: 'ratio',
      n,
      note: 'the same hosts, lines and bytes',
    })),
    { id: 'swarm_p99_over_p50', value: spread(ours.seconds), unit: 'ratio', n, note: 'of the nodes; goal 1.5' },
    ...beside.map(({ id, seconds }) => ({ id: `swarm_p99_over_p50/${id}`, value: spread(seconds), unit: 'ratio', n })),
    {
      id: 'origin_copies',
      value: ours.originBytes / plan.modelBytes,
      unit: 'copies',
      n: 1,
      note: 'bytes that the origin gave over those of the model; goal 1.05',
    },
  ]
}
