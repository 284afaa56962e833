import { expect, test } from 'vitest'
import { Cluster } from '../../../sim/cluster.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'

test('memories are filled with what is wanted most, and with nothing that is pushed later', () => {
  const cluster = new Cluster(
    parseScenario({
      schema: 'holdfast.scenario.v1',
      name: 'preload',
      durationS: 100,
      drawnSites: { count: 2, nodesPerSite: 2, zoneCount: 2 },
      node: { memoryBytes: 4_000_000_000 },
      models: { count: 5, sizeBytes: [100_000_000, 200_000_000], preloadPercent: 50 },
      requests: { ratePerS: 10 },
      events: [{ kind: 'push', atS: 10, sizeBytes: 100_000_000, ratePerS: 50 }],
    }),
  )
  cluster.start()
  const pushed = cluster.pushed[0]!.model
  for (const node of cluster.nodes) {
    expect(node.memory.usedBytes).toBeGreaterThan(0)
    expect(node.memory.usedBytes).toBeLessThanOrEqual(2_000_000_000)
    expect(node.holds(pushed)).toBe(false)
  }
})

test.each([
  { disk: 'no disk', diskBytes: 0 },
  { disk: 'a disk for files and forms', diskBytes: 4_000_000_000 },
  { disk: 'a disk that becomes full', diskBytes: 900_000_000 },
])('what is there from the start is ready and told to the policies, with $disk', ({ diskBytes }) => {
  const cluster = new Cluster(
    parseScenario({
      schema: 'holdfast.scenario.v1',
      name: 'preload',
      durationS: 100,
      drawnSites: { count: 1, nodesPerSite: 1, zoneCount: 1 },
      node: { memoryBytes: 4_000_000_000, diskBytes },
      models: { count: 4, sizeBytes: [150_000_000, 200_000_000] },
      requests: { ratePerS: 10 },
    }),
  )
  const [node] = cluster.nodes
  node!.preload(cluster.models)
  const ready = cluster.models.filter((model) => node!.isReady(model))
  expect(ready).toHaveLength(diskBytes === 900_000_000 ? 2 : 4)
  expect(cluster.models.filter((model) => node!.policy('memory').score(model.id, 0) !== null)).toEqual(ready)
  expect(node!.residency().map(({ tier }) => tier)).toEqual(ready.map(() => 'memory'))
  node!.checkInvariants()
  expect(node!.models.machine.mayLeave(ready[0]!.id, 'memory')).toBe(true)
})
