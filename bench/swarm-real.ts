/** The swarm of real nodes: each on a host of its own, a network namespace behind a shaped line (as root, with iproute2). */
import { labObstacle, otherLab } from './lab/network-lab.ts'
import { flashCrowdRows } from './swarm/flash-crowd.ts'
import { seederRows } from './swarm/seeders.ts'
import { fullSwarm, tinySwarm } from './swarm/setup.ts'
import { twoSitesRows } from './swarm/two-sites.ts'
import type { Bench } from './types.ts'

export const swarmReal: Bench = async ({ tiny, say }) => {
  const obstacle = labObstacle() ?? otherLab()
  if (obstacle !== null) {
    say(`Swarms of real nodes are left out: ${obstacle}.`)
    return []
  }
  const plan = tiny ? tinySwarm : fullSwarm
  return [...(await flashCrowdRows(plan, say)), ...(await twoSitesRows(plan, say)), ...(await seederRows(plan, say))]
}
