/** What a simulated run was asked and what it could do, part by part. */
import { type Cluster, zonesOf } from '../cluster.ts'
import { type Offer, type Overload, overloadsOf } from './overload.ts'

export function measureOverload(cluster: Cluster): Overload[] {
  const { queue, topology, scenario, offered } = cluster
  const seconds = queue.nowMs / 1_000
  const { bytesPerS, perNodeBytesPerS } = scenario.origin
  const originBytesPerS = Math.min(
    bytesPerS ?? Number.POSITIVE_INFINITY,
    cluster.nodes.length * (perNodeBytesPerS ?? Number.POSITIVE_INFINITY),
  )
  return overloadsOf({
    workers: workersOf(cluster, seconds),
    zones: zonesOf(topology).map((zone) => ({ zone, ...linksOf(cluster, zone, seconds) })),
    origin: { offered: offered.originBytes, possible: originBytesPerS * seconds },
  })
}

/** Any node may run a request that came to another. */
function workersOf({ requests, models, nodes, topology, arrivedCount }: Cluster, seconds: number): Offer {
  let offered = 0
  for (let at = 0; at < arrivedCount; at += 1) offered += models[requests.models[at]!]!.executeMs
  const workerCount = nodes.reduce((count, { index }) => count + topology.nodeSpec(index).workerCount, 0)
  return { offered, possible: workerCount * seconds * 1_000 }
}

/** What comes in by the lines of the nodes: those of one site bring each other models without its line. */
function linksOf({ nodes, topology, offered }: Cluster, zone: string, seconds: number): Offer {
  let [bytes, bytesPerS] = [0, 0]
  for (const [at, site] of topology.sites.entries()) {
    if (site.zone !== zone) continue
    const within = nodes.filter(({ index }) => topology.siteOf[index] === at)
    for (const { index } of within) {
      bytesPerS += topology.nodeSpec(index).downBytesPerS
      bytes += offered.byNode[index]!
    }
  }
  return { offered: bytes, possible: bytesPerS * seconds }
}
