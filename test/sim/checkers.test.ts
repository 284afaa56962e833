/** A checker that finds nothing proves nothing until it has found something: each is shown the fault it is for. */
import { expect, test } from 'vitest'
import { type Cluster, checkAll, publishedNow } from '../../sim/index.ts'
import { createWorld } from './support/worlds.ts'

const quiet = () => {
  const cluster = createWorld({ seed: 3, 'drawnSites.count': 4 })
  cluster.start()
  cluster.nodes[0]!.preload([cluster.models[0]!])
  cluster.run(20_000)
  return cluster
}
const faultsOf = (cluster: Cluster) => checkAll(cluster, publishedNow(cluster)).join('\n')

test('a quiet cluster has no fault', () => expect(faultsOf(quiet())).toBe(''))

test('wrong bytes in a store are found', () => {
  const cluster = quiet()
  cluster.nodes[0]!.chunks.stored.get(cluster.models[0]!)![0] = 2
  expect(faultsOf(cluster)).toContain('stores wrong bytes')
})

test('a resident model that lacks a chunk is found', () => {
  const cluster = quiet()
  cluster.nodes[0]!.chunks.stored.get(cluster.models[0]!)![0] = 0
  expect(faultsOf(cluster)).toContain('lacks 1 chunks')
})

test('a residency that nobody was told of is found', () => {
  const cluster = quiet()
  const [node, model] = [cluster.nodes[0]!, cluster.models[0]!]
  for (const { id } of model.specs.asIs.files) node.store.drop(id, 'memory')
  expect(faultsOf(cluster)).toContain('does not know what')
})

test('a fetch that did not end is found, and so is its request', () => {
  const cluster = quiet()
  cluster.request(cluster.nodes[1]!, cluster.models[1]!)
  expect(faultsOf(cluster)).toContain('fetches that did not end')
  expect(faultsOf(cluster)).toContain('never answered')
})

test('a transfer that did not end is found', () => {
  const cluster = quiet()
  cluster.transport.send(0, 1, 1e9, () => {})
  expect(faultsOf(cluster)).toContain('1 transfers never ended')
})

test('a broken limit of memory is found', () => {
  const cluster = quiet()
  Object.defineProperty(cluster.nodes[0]!.memory, 'limitBytes', { value: 1 })
  expect(faultsOf(cluster)).toContain('its limit is 1')
})

test('a model that leaves while a request for it runs is found', () => {
  const cluster = quiet()
  const [node, model] = [cluster.nodes[0]!, cluster.models[0]!]
  cluster.request(node, model)
  node.models.ready.clear()
  expect(faultsOf(cluster)).toContain('which is not in memory')
})

test('a pinned model that is gone is found, and a replica that was never made', () => {
  const cluster = quiet()
  const { id } = cluster.nodes[1]!
  const pin = { name: 'x', replicaCount: 1, tier: 'memory' as const, model: cluster.models[2]!.id, sizeBytes: 1 }
  const { pins } = cluster.nodes[1]!.replication
  pins.noteView([{ ...pin, isMine: true, places: [id], isHeld: true, isArriving: false, keptCount: 1 }])
  expect(faultsOf(cluster)).toContain('which is pinned')
  cluster.pins.push({ model: cluster.models[0]!, replicas: 3 })
  expect(faultsOf(cluster)).toContain('1 nodes have')
})

test('bytes that came from nowhere are found, and those that vanished', () => {
  const cluster = quiet()
  cluster.metrics.received(1, 0, 1_000, cluster.queue.nowMs)
  expect(faultsOf(cluster)).toContain('1000 were kept')
  cluster.origin.bytesServed += 5
  cluster.transport.sentBytes.far += 7
  expect(faultsOf(cluster)).toContain('the origin served 5 bytes')
  expect(faultsOf(cluster)).toContain("7 bytes were sent on links 'far'")
})

test('a request that failed wrongly is found', () => {
  const cluster = quiet()
  cluster.metrics.failed(cluster.queue.nowMs, 'no-source', true)
  cluster.metrics.rejectedCount += 1
  expect(faultsOf(cluster)).toContain('could have served')
  expect(faultsOf(cluster)).toContain('turned away')
})
