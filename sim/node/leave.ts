/**
 * A simulated node leaves as node/life does it: it says so, hands the last copies of wanted models on to nodes that placement/
 * chooses, lets what runs come to its end, and is gone.
 */
import { slowestTier } from '../../common/index.ts'
import { type HandoverModel, type HandoverTaker, planHandover } from '../../placement/index.ts'
import type { Cluster } from '../cluster.ts'
import type { SimNode } from './sim-node.ts'

/** As drain.handOverMs, drain.requestsMs and the period of the daemon's look. */
const handOverMs = 30_000
const requestsMs = 30_000
const lookMs = 100

export function leave(cluster: Cluster, node: SimNode): void {
  if (!node.up || node.draining) return
  node.draining = true
  node.announce()
  node.note('leaves')
  const steps = planHandover(modelsOf(cluster, node), takersOf(cluster, node)).steps.filter(({ model, to }) => {
    const taker = cluster.nodes[cluster.interner.index(to)]!
    if (taker.up) taker.bring(cluster.byId.get(model)!, 'disk', () => {})
    if (taker.up) cluster.metrics.handedOverBytes += cluster.byId.get(model)!.sizeBytes
    return taker.up
  })
  const startedMs = cluster.queue.nowMs
  const look = (): void => {
    const waitedMs = cluster.queue.nowMs - startedMs
    const isHanded = steps.every(({ model }) => usableHolders(cluster, node, model) > 0) || waitedMs >= handOverMs
    const isIdle = node.desk.open.size === 0 && node.workers.queueMs(cluster.queue.nowMs) === 0
    if (isHanded && (isIdle || waitedMs >= handOverMs + requestsMs)) stop(cluster, node)
    else node.later(lookMs, look)
  }
  node.later(lookMs, look)
}

function stop(cluster: Cluster, node: SimNode): void {
  node.step({ kind: 'stopping' })
  // Its last words are on their way before the line is closed.
  node.later(1_000, () => cluster.crash(node))
}

function modelsOf(cluster: Cluster, node: SimNode): HandoverModel[] {
  return node.residency().map(({ model, sizeBytes }) => ({
    model,
    sizeBytes,
    isPinned: node.isPinned(cluster.byId.get(model)!, 'disk'),
    ratePerS: node.core.clusterDemandOf(model, cluster.queue.nowMs),
    otherHolders: usableHolders(cluster, node, model),
  }))
}

function takersOf({ queue, topology }: Cluster, node: SimNode): HandoverTaker[] {
  return node.core.members(queue.nowMs).flatMap(({ node: id, isSelf, connected, suspected, distrusted, state }) => {
    if (isSelf || !connected || suspected || distrusted || state === null || state.draining) return []
    return [
      { node: id, sameZone: state.zone === topology.zoneOf(node.index), freeBytes: state.tiers[slowestTier].freeBytes },
    ]
  })
}

function usableHolders({ queue }: Cluster, node: SimNode, model: string): number {
  return node.core.holders(model, queue.nowMs).filter(({ suspected, draining }) => !suspected && !draining).length
}
