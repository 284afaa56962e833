/**
 * The simulator and the protocol at the scale of a thousand nodes and more: how fast a run is, what memory it takes, what gossip
 * weighs, and how long it takes until all know of a change. The scenarios are files, and say what they stand for.
 */

import { Cluster, parseScenario, type Scenario, withValues } from '../sim/index.ts'
import gossip100 from '../sim/scenarios/scale/gossip-100.json' with { type: 'json' }
import gossip1000 from '../sim/scenarios/scale/gossip-1000.json' with { type: 'json' }
import nodes10000 from '../sim/scenarios/scale/nodes-10000.json' with { type: 'json' }
import requests1000 from '../sim/scenarios/scale/requests-1000.json' with { type: 'json' }
import type { Bench, BenchContext, BenchRow } from './types.ts'

export const simScaleBench: Bench = async (context) => [
  requestsRow(context),
  ...gossipRows(context, '100', gossip100),
  ...gossipRows(context, '1000', gossip1000),
  memoryRow(context),
]

/** All of a run with the whole protocol, from the first node's start; drawing the requests beforehand is not counted. */
function requestsRow(context: BenchContext): BenchRow {
  const scenario = read(requests1000, context.tiny, { 'requests.ratePerS': 200 })
  const cluster = new Cluster(scenario)
  const requestCount = cluster.requests.timesMs.length
  context.say(`${scenario.name}: seed ${scenario.seed}, ${cluster.nodes.length} nodes, ${requestCount} requests`)
  const [startMs, startCpuMs] = [performance.now(), cpuMs()]
  cluster.start()
  runTo(cluster, scenario.durationS, context)
  const [wallS, cpuS] = [(performance.now() - startMs) / 1_000, (cpuMs() - startCpuMs) / 1_000]
  return {
    id: 'requests_per_s/1000',
    value: requestCount / wallS,
    unit: '1/s',
    n: 1,
    note: `${cluster.nodes.length} nodes, ${requestCount} requests in ${wallS.toFixed(1)} s, ${cpuS.toFixed(1)} s of them computing`,
  }
}

/** What a node receives of the protocol, on average after the warm-up, and when the others know of a change of residency. */
function gossipRows(context: BenchContext, size: string, file: unknown): BenchRow[] {
  const scenario = read(file, context.tiny, { 'requests.ratePerS': 20, 'models.preloadPercent': 50 })
  const cluster = new Cluster(scenario)
  const { network, nodes } = cluster
  context.say(`${scenario.name}: seed ${scenario.seed}, ${nodes.length} nodes`)
  cluster.start()
  runTo(cluster, scenario.warmupS, context)
  const before = nodes.map(({ index }) => network.receivedBytes(index))
  const messagesBefore = network.gossipMesh.messageCount
  network.gossipMesh.knownAfter.clear()
  runTo(cluster, scenario.durationS, context)
  const seconds = scenario.durationS - scenario.warmupS
  const bytes = nodes.map(({ index }) => (network.receivedBytes(index) - before[index]!) / seconds)
  const messagesPerS = (network.gossipMesh.messageCount - messagesBefore) / seconds
  const { knownAfter } = network.gossipMesh
  const changesPerS = knownAfter.count / (nodes.length - 1) / seconds
  return [
    {
      id: `gossip_bytes_per_node_s/${size}`,
      value: bytes.reduce((sum, one) => sum + one, 0) / nodes.length,
      unit: 'B/s',
      n: 1,
      note: `${messagesPerS.toFixed(1)} messages/s in the cluster; the node that receives most: ${Math.round(Math.max(...bytes))} B/s`,
    },
    {
      id: `convergence_p99_s/${size}`,
      value: knownAfter.percentileMs(99) / 1_000,
      unit: 's',
      n: 1,
      note: `${changesPerS.toFixed(2)} changes/s, ${knownAfter.count} times that a node learnt of one`,
    },
  ]
}

/** Of the whole process: run it alone, or what ran before is counted too. */
function memoryRow(context: BenchContext): BenchRow {
  const scenario = read(nodes10000, context.tiny, { 'requests.ratePerS': 20 })
  const cluster = new Cluster(scenario)
  context.say(`${scenario.name}: seed ${scenario.seed}, ${cluster.nodes.length} nodes`)
  cluster.start()
  runTo(cluster, scenario.durationS, context)
  for (const node of cluster.nodes.slice(0, 10)) node.core.checkInvariants()
  const known = Math.min(...cluster.nodes.map((node) => node.core.knownNodeCount))
  return {
    id: 'nodes_10000_rss_gb',
    value: process.resourceUsage().maxRSS / 1e6,
    unit: 'GB',
    n: 1,
    note: `highest so far of the process; ${cluster.nodes.length} nodes, each knows ${known} at least`,
  }
}

function runTo(cluster: Cluster, endS: number, { say, tiny }: BenchContext): void {
  const stepS = Math.max(1, endS / 10)
  for (let s = cluster.queue.nowMs / 1_000; s < endS; ) {
    s = Math.min(endS, s + stepS)
    cluster.runUntil(s * 1_000)
    if (!tiny) say(`  ${s.toFixed(0)} s simulated`)
  }
}

/** The scenario of the file; for the tests one of twenty nodes for some seconds. */
function read(file: unknown, tiny: boolean, over: Readonly<Record<string, unknown>>): Scenario {
  const scenario = parseScenario(file)
  if (!tiny) return scenario
  const sites = { 'drawnSites.count': 5, 'drawnSites.nodesPerSite': 4, 'drawnSites.zoneCount': 2 }
  return withValues(scenario, { warmupS: 5, durationS: 15, events: [], ...sites, ...over })
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
