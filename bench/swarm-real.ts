/** The swarm of real nodes: each on a host of its own, a network namespace behind a shaped line (as root, with iproute2). */

import { labObstacle, otherLab } from './lab/network-lab.ts'
import type { SwarmPart } from './parts.ts'
import { deadHolderRows } from './swarm/dead-holders.ts'
import { flashCrowdRows } from './swarm/flash-crowd.ts'
import { seederRows } from './swarm/seeders.ts'
import { fullSwarm, type SwarmPlan, scaledSwarm, tinySwarm } from './swarm/setup.ts'
import { twoSitesRows } from './swarm/two-sites.ts'
import type { Bench, BenchRow } from './types.ts'

const parts: Readonly<Record<SwarmPart, (plan: SwarmPlan, say: (text: string) => void) => Promise<BenchRow[]>>> = {
  crowd: flashCrowdRows,
  sites: twoSitesRows,
  seeders: seederRows,
  deaths: deadHolderRows,
}

export const swarmReal: Bench = async ({ tiny, only, scale = 1, say }) => {
  const obstacle = labObstacle() ?? otherLab()
  if (obstacle !== null) {
    say(`Swarms of real nodes are left out: ${obstacle}.`)
    return []
  }
  const plan = scaledSwarm(tiny ? tinySwarm : fullSwarm, scale)
  const rows: BenchRow[] = []
  for (const [name, part] of Object.entries(parts)) {
    if (only === undefined || only.includes(name)) rows.push(...(await part(plan, say)))
  }
  return rows
}
