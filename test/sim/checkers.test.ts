/** A checker that finds nothing proves nothing until it has found something: each is shown the fault it is for. */
import { expect, test } from 'vitest'
import { Cluster, checkAll, publishedNow } from '../../sim/index.ts'

const quiet = () => {
  const cluster = new Cluster({ seed: 3, nodeCount: 4 })
  cluster.nodes[0]!.preload(cluster.models[0]!)
  cluster.start()
  cluster.run(20_000)
  return cluster
}
const faultsOf = (cluster: Cluster) => checkAll(cluster, publishedNow(cluster)).join('\n')

test('a quiet cluster has no fault', () => expect(faultsOf(quiet())).toBe(''))

test('wrong bytes in a store are found', () => {
  const cluster = quiet()
  const model = cluster.models[0]!
  cluster.nodes[0]!.store.get(model.id)!.set(model.chunks[0]!.sha256, 'other bytes')
  expect(faultsOf(cluster)).toContain('stores wrong bytes')
})

test('a resident model that lacks a chunk is found', () => {
  const cluster = quiet()
  const model = cluster.models[0]!
  cluster.nodes[0]!.store.get(model.id)!.delete(model.chunks[0]!.sha256)
  expect(faultsOf(cluster)).toContain('lacks 1 chunks')
})

test('a residency that nobody was told of is found', () => {
  const cluster = quiet()
  cluster.nodes[0]!.resident.clear()
  expect(faultsOf(cluster)).toContain('does not know what')
})

test('a fetch that did not end is found, and so is its request', () => {
  const cluster = quiet()
  cluster.request(cluster.nodes[1]!, cluster.models[1]!)
  expect(faultsOf(cluster)).toContain('fetches that did not end')
  expect(faultsOf(cluster)).toContain('never answered')
})

test('a broken limit of memory is found', () => {
  const cluster = quiet()
  Object.defineProperty(cluster.nodes[0]!, 'limitBytes', { value: 1 })
  expect(faultsOf(cluster)).toContain('its limit is 1')
})
