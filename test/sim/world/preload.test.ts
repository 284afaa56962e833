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
