/** Counts what the parts tell of. */
import { createMetrics, type NodeMetrics } from '../doors/metrics/index.ts'
import type { ModelEvents } from './cache.ts'
import type { Cluster } from './cluster.ts'
import type { LeaseEvents, OpenStore } from './store.ts'

export function createNodeMetrics({ store }: OpenStore, { network, driver }: Cluster): NodeMetrics {
  const metrics = createMetrics({ store, peerCount: () => network.peers().length })
  driver.onNotice((notice) => {
    if (notice.kind === 'distrust') metrics.distrustedPeers.inc({ reason: notice.reason })
    if (notice.kind === 'stale-advert') metrics.staleAdverts.inc({ what: 'chunk' })
  })
  return metrics
}

export function countEvents(metrics: NodeMetrics, leases: LeaseEvents, models: ModelEvents): void {
  leases.on('opened', () => metrics.leasesOpened.inc())
  models.on('evicted', (tier, _model, reason) => metrics.evictions.inc({ tier, reason }))
  models.on('fetched', ({ local }) => {
    metrics.fetchedBytes.inc({ source: 'local' }, local)
  })
}
