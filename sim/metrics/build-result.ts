/** Makes the result of a run from its counters: sums, shares, quantiles, and the same by node, zone, decile and time. */
import { type Cluster, zonesOf } from '../cluster.ts'
import { Histogram, rounded, roundedOrNull } from './histogram.ts'
import type { Metrics } from './metrics.ts'
import {
  type DecileFigures,
  failureNames,
  type NodeFigures,
  type RunResult,
  type RunTotals,
  runResultSchema,
  servedFromNames,
  type TimelineBucket,
  wasteNames,
  type ZoneFigures,
} from './run-result.ts'

export function buildResult(cluster: Cluster): RunResult {
  const { scenario, topology, models, nodes, metrics } = cluster
  return {
    schema: runResultSchema,
    scenario: scenario.name,
    about: scenario.about,
    seed: scenario.seed,
    policy: scenario.policy.eviction,
    peerBlind: scenario.policy.peerBlind,
    replication: scenario.policy.replication,
    durationS: scenario.durationS,
    warmupS: scenario.warmupS,
    nodeCount: nodes.length,
    siteCount: topology.sites.length,
    modelCount: models.length,
    modelBytes: models.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0),
    memoryLimitBytes: nodes.reduce((bytes, { memory }) => bytes + memory.limitBytes, 0),
    totals: totalsOf(cluster),
    timeline: timelineOf(cluster),
    nodes: nodesOf(cluster),
    zones: zonesFigures(cluster),
    origin: { latitude: topology.originPlace.latitude, longitude: topology.originPlace.longitude },
    events: metrics.events,
    findings: metrics.findings,
    overloads: cluster.overloads,
    eventCount: cluster.queue.ranCount,
  }
}

function totalsOf(cluster: Cluster): RunTotals {
  const { metrics, transport, scenario, nodes, network } = cluster
  const loadDelay = new Histogram()
  for (const zone of metrics.zoneDelays) loadDelay.merge(zone)
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0)
  const { originBytes, originRequestCount, peerBytes } = metrics
  const { usdPerGb, usdPer1000Requests } = scenario.origin
  const gossipBytes = nodes.reduce((bytes, { index }) => bytes + network.receivedBytes(index), 0)
  return {
    requestCount: sum(metrics.servedBy) + sum(metrics.failedBy),
    servedBy: byName(servedFromNames, metrics.servedBy),
    failedBy: byName(failureNames, metrics.failedBy),
    wronglyFailedCount: metrics.wronglyFailedCount,
    rejectedCount: metrics.rejectedCount,
    loadDelay: loadDelay.figures(),
    queueDelay: metrics.queueDelay.figures(),
    loadDelayByDecile: decilesOf(metrics),
    originBytes,
    originReceivedBytes: sum(metrics.byNode.originBytes),
    originRequestCount,
    originUsd: rounded((originBytes / 1e9) * usdPerGb + (originRequestCount / 1_000) * usdPer1000Requests),
    peerBytes,
    peerSharePercent: percent(peerBytes, peerBytes + originBytes),
    diskReadBytes: metrics.diskReadBytes,
    evictionsByReason: sorted(metrics.evictionsByReason),
    replicationsByReason: sorted(metrics.replicationsByReason),
    replicatedBytes: metrics.replicatedBytes,
    handedOverBytes: metrics.handedOverBytes,
    bytesByLink: { ...transport.sentBytes },
    gossipBytes,
    gossipBytesPerNodeS: rounded((gossipBytes / nodes.length / cluster.queue.nowMs) * 1_000),
    wastedBytes: metrics.wastedBytes,
    wastedByReason: byName(wasteNames, metrics.wastedBy),
  }
}

function timelineOf({ metrics, scenario }: Cluster): TimelineBucket[] {
  const widthS = scenario.durationS / metrics.buckets.length
  return metrics.buckets.map((bucket, at) => {
    const { delaySumMs, memoryCount, forwardedCount, ...counts } = bucket
    const servedCount = bucket.requestCount - bucket.failedCount
    return {
      ...counts,
      atS: rounded(at * widthS),
      loadDelayMeanMs: servedCount <= 0 ? null : rounded(delaySumMs / servedCount),
      memoryHitPercent: percent(memoryCount, bucket.requestCount),
      forwardedPercent: percent(forwardedCount, bucket.requestCount),
    }
  })
}

function nodesOf({ nodes, topology, metrics }: Cluster): NodeFigures[] {
  const { byNode } = metrics
  return nodes.map(({ id, index, up, memory }) => {
    const site = topology.sites[topology.siteOf[index]!]!
    const requestCount = byNode.requestCount[index]!
    return {
      node: id,
      site: site.name,
      zone: site.zone,
      latitude: site.place.latitude,
      longitude: site.place.longitude,
      requestCount,
      memoryHitPercent: percent(byNode.memoryCount[index]!, requestCount),
      loadDelayMeanMs: requestCount === 0 ? null : rounded(byNode.delaySumMs[index]! / requestCount),
      ranForOthersCount: byNode.ranForOthersCount[index]!,
      originBytes: byNode.originBytes[index]!,
      peerBytesIn: byNode.peerBytesIn[index]!,
      peerBytesOut: byNode.peerBytesOut[index]!,
      evictionCount: byNode.evictionCount[index]!,
      memoryUsedBytes: up ? memory.usedBytes : 0,
      memoryLimitBytes: memory.limitBytes,
      isUp: up,
    }
  })
}

function zonesFigures({ topology, nodes, metrics }: Cluster): ZoneFigures[] {
  const { byNode } = metrics
  return zonesOf(topology).map((zone, at) => {
    const within = nodes.map(({ index }) => index).filter((index) => topology.zoneOf(index) === zone)
    const sum = (values: Float64Array) => within.reduce((total, index) => total + values[index]!, 0)
    const requestCount = sum(byNode.requestCount)
    const delays = metrics.zoneDelays[at]!
    return {
      zone,
      nodeCount: within.length,
      requestCount,
      memoryHitPercent: percent(sum(byNode.memoryCount), requestCount),
      loadDelayMeanMs: roundedOrNull(delays.meanMs),
      loadDelayP99Ms: roundedOrNull(delays.quantileMs(0.99)),
      originBytes: sum(byNode.originBytes),
      peerBytesIn: sum(byNode.peerBytesIn),
    }
  })
}

/** Models that were asked for, by falling popularity, ties in their order, in ten groups as equal as can be. */
function decilesOf({ byModel }: Metrics): DecileFigures[] {
  const { requestCount, memoryCount } = byModel
  const models = [...requestCount.keys()].filter((model) => requestCount[model]! > 0)
  models.sort((a, b) => requestCount[b]! - requestCount[a]! || a - b)
  return Array.from({ length: 10 }, (_, decile) => {
    const from = Math.floor((decile * models.length) / 10)
    const until = Math.floor(((decile + 1) * models.length) / 10)
    const delays = new Histogram()
    let hits = 0
    for (const model of models.slice(from, until)) {
      delays.merge(byModel.delaysOf(model))
      hits += memoryCount[model]!
    }
    return { requestCount: delays.count, loadDelay: delays.figures(), memoryHitPercent: percent(hits, delays.count) }
  })
}

function byName<T extends string>(names: readonly T[], counts: Float64Array): Record<T, number> {
  return Object.fromEntries(names.map((name, at) => [name, counts[at]!])) as Record<T, number>
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : rounded((100 * part) / whole)
}
