/** Prometheus metrics of a node. Names carry units; labels are values of our own vocabulary, never user input. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { localTiers, tierTable } from '../../../common/index.ts'
import type { Store } from '../../../native/index.ts'
import { createDeadlineMetrics, type DeadlineMetrics } from './deadline-metrics.ts'
import { createFetchMetrics, type FetchMetrics } from './fetch-metrics.ts'

export interface NodeMetrics extends FetchMetrics, DeadlineMetrics {
  readonly registry: Registry
  readonly requests: Counter<'served_from'>
  readonly requestSeconds: Histogram<'served_from'>
  readonly requestPartSeconds: Histogram<'part'>
  readonly evictions: Counter<'tier' | 'reason'>
  readonly placements: Counter<'kind' | 'reason'>
  readonly refusedConnections: Counter
  readonly distrustedPeers: Counter<'reason'>
  readonly workerDeaths: Counter
  readonly leasesOpened: Counter
}

export interface MetricsSources {
  readonly store: Store
  readonly peerCount: () => number
}

/** From a hit in memory to a large model from a slow origin. */
const bucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export function createMetrics(sources: MetricsSources): NodeMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  const stats = () => sources.store.stats()
  for (const tier of localTiers) {
    const { holds } = tierTable[tier]
    gauge(`holdfast_${tier}_used_bytes`, `Bytes of ${holds}.`, () => stats().tiers[tier].usedBytes)
    gauge(`holdfast_${tier}_limit_bytes`, `Limit of ${holds}.`, () => stats().tiers[tier].limitBytes)
  }
  gauge('holdfast_disk_failures', 'Writes that the disk refused since the start.', () => stats().diskFailures)
  gauge('holdfast_leases', 'Open models of client processes.', () => stats().leases)
  gauge('holdfast_store_connections', 'Client processes connected to the store.', () => stats().connections)
  gauge('holdfast_store_open_hits', 'Opens answered from memory since the start.', () => stats().openHits)
  gauge('holdfast_store_open_misses', 'Opens that had to wait for a fetch since the start.', () => stats().openMisses)
  gauge('holdfast_peers', 'Connected nodes.', sources.peerCount)
  return {
    registry,
    requests: new Counter({
      name: 'holdfast_requests_total',
      help: 'Inference requests answered, by where the weights were.',
      labelNames: ['served_from'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'holdfast_request_seconds',
      help: 'Time to answer an inference request, by where the weights were.',
      labelNames: ['served_from'],
      buckets: bucketsS,
      registers,
    }),
    requestPartSeconds: new Histogram({
      name: 'holdfast_request_part_seconds',
      help: 'Time of each part of inference requests, those included that failed or were forwarded to here.',
      labelNames: ['part'],
      buckets: bucketsS,
      registers,
    }),
    ...createFetchMetrics(registry),
    ...createDeadlineMetrics(registry),
    evictions: new Counter({
      name: 'holdfast_evictions_total',
      help: 'Models evicted, by tier and reason.',
      labelNames: ['tier', 'reason'],
      registers,
    }),
    placements: new Counter({
      name: 'holdfast_placements_total',
      help: 'Copies begun and shed by placement, by reason.',
      labelNames: ['kind', 'reason'],
      registers,
    }),
    refusedConnections: new Counter({
      name: 'holdfast_refused_connections_total',
      help: 'Connections of nodes that were refused, in or out.',
      registers,
    }),
    distrustedPeers: new Counter({
      name: 'holdfast_distrusted_peers_total',
      help: 'Peers dropped because of what they sent.',
      labelNames: ['reason'],
      registers,
    }),
    workerDeaths: new Counter({
      name: 'holdfast_worker_deaths_total',
      help: 'Processes that run models which died and were replaced.',
      registers,
    }),
    leasesOpened: new Counter({
      name: 'holdfast_leases_opened_total',
      help: 'Models opened by client processes.',
      registers,
    }),
  }
}
