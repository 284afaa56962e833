/**
 * What must be true, recomputed from the world and not from counters. Each checker returns what it found wrong, in words; an empty
 * list is a pass. Those of `checkAlways` hold at any moment; those of `checkEnd` when requests have ended and links are whole.
 */
import { assertInvariant } from '../../common/index.ts'
import type { Cluster } from '../cluster.ts'
import { linkClasses } from '../network/transport.ts'
import type { SimNode } from '../node/sim-node.ts'
import { checkConvergence, type Published } from './convergence.ts'

export type Checker = (cluster: Cluster) => string[]

export const always = {
  capacity: checkCapacity,
  stores: checkStores,
  leases: checkLeases,
  pins: checkPins,
  bytes: checkBytes,
  invariants: checkInvariants,
} as const satisfies Record<string, Checker>

export const atEnd = {
  fetches: checkFetchesEnded,
  requests: checkRequests,
  flows: checkFlowsEnded,
  replicas: checkReplicas,
} as const satisfies Record<string, Checker>

/** Of a cluster that is too small: what has not ended is explained by that. */
export const atEndOfOverload = {
  requests: checkFailures,
  replicas: checkReplicas,
} as const satisfies Record<string, Checker>

/** All, for a cluster that had quiet time and knows at least what was published until `published`. */
export function checkAll(cluster: Cluster, published: Published): string[] {
  const checkers = [...Object.values(always), ...Object.values(atEnd)]
  return [...checkConvergence(cluster, published), ...checkers.flatMap((check) => check(cluster))]
}

/** What lies in a tier, and what is on its way there, fits. */
export function checkCapacity(cluster: Cluster): string[] {
  return cluster.nodes.flatMap((node) =>
    [node.memory, ...(node.disk === null ? [] : [node.disk])]
      .filter((tier) => tier.usedBytes > tier.limitBytes)
      .map((tier) => `${node.id} holds ${tier.usedBytes} bytes, its limit is ${tier.limitBytes}`),
  )
}

/** Every stored chunk is what its digest says, and a model that is held has all of them. */
export function checkStores(cluster: Cluster): string[] {
  const faults: string[] = []
  for (const node of cluster.nodes) {
    for (const [model, held] of node.chunks.stored) {
      const wrong = held.filter((mark) => mark > 1).length
      if (wrong > 0) faults.push(`${node.id} stores wrong bytes as ${wrong} chunks of ${model.id}`)
    }
    for (const { model: id } of node.residency()) {
      const lacking = node.chunks.lackingCount(cluster.byId.get(id)!)
      if (lacking > 0) faults.push(`${node.id} says it has ${id} but lacks ${lacking} chunks`)
    }
  }
  return faults
}

/** A model for which requests run or wait is in memory. That none is evicted is checked at each eviction. */
export function checkLeases(cluster: Cluster): string[] {
  const { nowMs } = cluster.queue
  return cluster.nodes.flatMap((node) =>
    node.workers
      .busyModels(nowMs)
      .filter((model) => !node.isReady(model))
      .map((model) => `${node.id} runs requests for ${model.id}, which is not in memory`),
  )
}

/** What a node pinned and had is still there. */
export function checkPins(cluster: Cluster): string[] {
  return cluster.nodes.flatMap((node) =>
    node.replication.pins
      .kept()
      .filter((id) => node.up && !node.holds(cluster.byId.get(id)!))
      .map((id) => `${node.id} lost ${id}, which is pinned`),
  )
}

/** What was sent has arrived, was broken off, or is under way; what arrived was kept or thrown away. */
export function checkBytes(cluster: Cluster): string[] {
  const { transport, origin, metrics } = cluster
  const faults: string[] = []
  const underWay = transport.underWayBytes()
  let arrivedBytes = 0
  for (const kind of linkClasses) {
    const sum = transport.arrivedBytes[kind] + transport.brokenBytes[kind] + underWay[kind]
    arrivedBytes += transport.arrivedBytes[kind]
    if (sum !== transport.sentBytes[kind]) {
      faults.push(`${transport.sentBytes[kind]} bytes were sent on links '${kind}', ${sum} are accounted for`)
    }
  }
  const { takenBytes, wastedBytes } = metrics
  if (arrivedBytes !== takenBytes + wastedBytes)
    faults.push(`${arrivedBytes} bytes arrived, ${takenBytes} were kept and ${wastedBytes} wasted`)
  if (origin.bytesServed !== transport.sentBytes.origin) {
    faults.push(`the origin served ${origin.bytesServed} bytes and sent ${transport.sentBytes.origin}`)
  }
  return faults
}

export function checkInvariants(cluster: Cluster): string[] {
  const faults: string[] = []
  const attempt = (who: string, check: () => void): void => {
    try {
      check()
    } catch (error) {
      faults.push(`${who}: ${(error as Error).message}`)
    }
  }
  attempt('network', () => cluster.transport.flows.checkInvariants())
  for (const node of cluster.nodes) attempt(node.id, () => node.checkInvariants())
  return faults
}

export function checkFetchesEnded(cluster: Cluster): string[] {
  return cluster.nodes
    .filter(
      (node) => node.up && ([...node.models.machine.loading()].length > 0 || node.core.fetchingModels().length > 0),
    )
    .map((node) => `${node.id} has fetches that did not end: ${[...node.models.machine.loading()].join(', ')}`)
}

export function checkRequests(cluster: Cluster): string[] {
  const openCount = cluster.nodes.reduce((count, node) => count + node.requests.openCount, 0)
  const faults = checkFailures(cluster)
  return openCount > 0 ? [`${openCount} requests were never answered`, ...faults] : faults
}

function checkFailures({ metrics }: Cluster): string[] {
  const faults: string[] = []
  if (metrics.wronglyFailedCount > 0)
    faults.push(`${metrics.wronglyFailedCount} requests failed that some node could have served`)
  if (metrics.rejectedCount > 0)
    faults.push(`${metrics.rejectedCount} requests were turned away though their model fits`)
  return faults
}

export function checkFlowsEnded({ transport }: Cluster): string[] {
  const count = transport.underWayCount
  return count === 0 ? [] : [`${count} transfers never ended`]
}

/** As many copies of a pinned model as were asked for, or as nodes can have it. */
export function checkReplicas(cluster: Cluster): string[] {
  return cluster.pins.flatMap(({ model: name, replicas }) => {
    const model = cluster.revisions.current(name)
    const able = cluster.nodes.filter((node) => node.up && canKeep(node, model))
    const kept = able.filter((node) => node.holds(model)).length
    const wanted = Math.min(replicas, able.length)
    return kept < wanted ? [`${kept} nodes have ${model.id}, which is pinned on ${wanted}`] : []
  })
}

function canKeep(node: SimNode, model: Parameters<SimNode['holds']>[0]): boolean {
  assertInvariant(model.sizeBytes > 0, 'a model has bytes')
  return model.sizeBytes <= node.memory.limitBytes
}
