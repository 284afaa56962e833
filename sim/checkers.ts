/**
 * What must be true at the end of every run, recomputed from the world and not from counters. Each checker returns what it
 * found wrong, in words; an empty list is a pass.
 */
import { compareVersions, type DigestItem } from '../node/core/index.ts'
import type { Cluster } from './cluster.ts'

/** All: for a cluster that is whole, had quiet time and knows at least what was published until `published`. */
export function checkAll(cluster: Cluster, published: Published): string[] {
  return [
    ...checkConvergence(cluster, published),
    ...checkCapacity(cluster),
    ...checkFetchesEnded(cluster),
    ...checkStores(cluster),
    ...checkRequests(cluster),
    ...checkCores(cluster),
  ]
}

/** The newest entries anywhere, by kind and node. */
export type Published = ReadonlyMap<string, DigestItem>

export function publishedNow(cluster: Cluster): Published {
  const newest = new Map<string, DigestItem>()
  for (const item of cluster.nodes.filter((node) => node.up).flatMap((node) => node.core.ledgerDigest())) {
    const held = newest.get(keyOf(item))
    if (held === undefined || compareVersions(item, held) > 0) newest.set(keyOf(item), item)
  }
  return newest
}

/** Every node that is up holds all that was published by an earlier moment, or newer, and knows what each node really has. */
export function checkConvergence(cluster: Cluster, published: Published): string[] {
  const faults: string[] = []
  const up = cluster.nodes.filter((node) => node.up)
  for (const node of up) {
    const held = new Map(node.core.ledgerDigest().map((item) => [keyOf(item), item]))
    for (const [key, item] of published) {
      const own = held.get(key)
      if (own === undefined || compareVersions(own, item) < 0) faults.push(`${node.id} lacks an entry: ${key}`)
    }
  }
  for (const node of up) {
    const members = new Map(node.core.members(cluster.queue.nowMs).map((member) => [member.node, member]))
    for (const other of up) {
      const told =
        members
          .get(other.id)
          ?.residency?.models.map((resident) => resident.model)
          .join() ?? 'nothing'
      const truth = [...other.resident].sort().join()
      if (told !== truth) faults.push(`${node.id} does not know what ${other.id} holds`)
    }
  }
  return faults
}

export function checkCapacity(cluster: Cluster): string[] {
  return cluster.nodes
    .filter((node) => node.usedBytes > node.limitBytes)
    .map((node) => `${node.id} holds ${node.usedBytes} bytes, its limit is ${node.limitBytes}`)
}

export function checkFetchesEnded(cluster: Cluster): string[] {
  return cluster.nodes
    .filter((node) => node.fetching.size > 0 || (node.up && node.core.fetchingModels().length > 0))
    .map((node) => `${node.id} has fetches that did not end: ${[...node.fetching.keys()].join(', ')}`)
}

/** Every stored chunk is what its digest says, and a resident model has all of them. */
export function checkStores(cluster: Cluster): string[] {
  const faults: string[] = []
  const catalog = new Map(cluster.models.map((model) => [model.id, model]))
  for (const node of cluster.nodes) {
    for (const [model, chunks] of node.store) {
      for (const [sha256, content] of chunks) {
        if (content !== sha256) faults.push(`${node.id} stores wrong bytes as chunk ${sha256} of ${model}`)
      }
    }
    for (const model of node.resident) {
      const held = node.store.get(model)
      const lacking = catalog.get(model)!.chunks.filter((chunk) => held?.has(chunk.sha256) !== true).length
      if (lacking > 0) faults.push(`${node.id} says it has ${model} but lacks ${lacking} chunks`)
    }
  }
  return faults
}

export function checkRequests(cluster: Cluster): string[] {
  const failed = cluster.requests.filter((request) => request.outcome === 'failed' && request.couldServe)
  const faults = failed.map((request) => `${request.node} failed a request for ${request.model} that could be served`)
  if (cluster.requestsOpen > 0) faults.push(`${cluster.requestsOpen} requests were never answered`)
  return faults
}

export function checkCores(cluster: Cluster): string[] {
  const faults: string[] = []
  for (const node of cluster.nodes) {
    try {
      node.core.checkInvariants()
    } catch (error) {
      faults.push(`${node.id}: ${(error as Error).message}`)
    }
  }
  return faults
}

/** Ends a failure report: what happened last, and how to see it again. */
export function replayHint(cluster: Cluster, file: string): string {
  const { seed } = cluster.options
  const tail = cluster.log.tail(20).join('\n')
  return `last events:\n${tail}\nseed ${seed}; replay with: SEED=${seed} npx vitest run ${file}`
}

function keyOf(item: DigestItem): string {
  return `${item.kind} ${item.node}`
}
