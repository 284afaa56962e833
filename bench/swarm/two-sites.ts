/** Two sites of nodes behind slow lines, and the origin beyond them: how often a model crosses the line of a site. */
import { LabCluster } from '../lab/lab-cluster.ts'
import { NetworkLab } from '../lab/network-lab.ts'
import type { BenchRow } from '../types.ts'
import type { SwarmPlan } from './setup.ts'
import { hostNames, openEverywhere, plainNodes, site, wideBytesPerS, withOrigin } from './swarm-lab.ts'

const name = 'bench/weights'
const siteNames = ['east', 'west'] as const

export async function twoSitesRows({ sites }: SwarmPlan, say: (text: string) => void): Promise<BenchRow[]> {
  const { nodesPerSite, modelBytes, lineBytesPerS } = sites
  const hostsOf = (siteName: string) => hostNames(`${siteName}-`, nodesPerSite)
  const line = { upBytesPerS: lineBytesPerS, downBytesPerS: lineBytesPerS }
  const labSites = siteNames.map((siteName) => ({ ...site(siteName, hostsOf(siteName), wideBytesPerS), ...line }))
  const lab = await NetworkLab.create(withOrigin(labSites, wideBytesPerS))
  try {
    say(`${siteNames.length} sites of ${nodesPerSite} nodes want ${modelBytes / 1e6} MB at once`)
    const nodes = siteNames.flatMap((siteName) => plainNodes(hostsOf(siteName), siteName, modelBytes))
    const cluster = await LabCluster.start(lab, { nodes, models: [], weights: [{ name, sizeBytes: modelBytes }] })
    try {
      const received = () => Promise.all(siteNames.map((siteName) => lab.receivedBytes(siteName)))
      const before = await received()
      await openEverywhere(cluster, cluster.nodes, name)
      const after = await received()
      const copies = after.map((bytes, index) => (bytes - before[index]!) / modelBytes)
      return [
        {
          id: 'site_copies',
          value: Math.max(...copies),
          unit: 'copies',
          n: siteNames.length,
          note: `all that came into a site over the bytes of the model, the worse site; ${copies.map((value) => value.toFixed(2)).join(' and ')}; goal 1.05`,
        },
      ]
    } finally {
      await cluster.dispose()
    }
  } finally {
    await lab.dispose()
  }
}
