/** Two sites whose nodes want several models at once, with a budget for what comes into a site. */
import { describe, expect, test } from 'vitest'
import type { Cluster } from '../../sim/index.ts'
import { createWorld } from './support/worlds.ts'

const budgetBytesPerS = 2e6
const modelBytes = 32e6
const modelCount = 3
const nodesPerSite = 4
const MiB = 1024 ** 2

function worldOf(siteInBytesPerS: number | null): Cluster {
  const sites = ['east', 'west'].map((name) => ({ name, zone: name, nodeCount: nodesPerSite }))
  const cluster = createWorld({
    seed: 5,
    'drawnSites.count': 0,
    sites,
    'network.siteInBytesPerS': siteInBytesPerS,
    'network.paths': [{ from: 'east', to: 'west', rttMs: 40, bytesPerS: null }],
    'models.count': modelCount,
    'models.sizeBytes': [modelBytes, modelBytes],
    'node.upBytesPerS': 12.5e6,
    'node.downBytesPerS': 12.5e6,
    'node.diskBytes': 4e9,
    'gossip.lossPercent': 0,
  })
  cluster.start()
  cluster.run(10_000)
  return cluster
}

/** Every node of both sites wants every model. @returns seconds until all have them, and bytes into each site, by second. */
function play(cluster: Cluster): { readonly seconds: number; readonly into: readonly number[][] } {
  const into: number[][] = [[], []]
  let left = cluster.nodes.length * modelCount
  const bytesInto = () => into.map((_, site) => cluster.transport.bytesInto(site))
  const before = bytesInto()
  for (const node of cluster.nodes) {
    for (const model of cluster.models) {
      node.makeReady(model, (outcome) => {
        expect(typeof outcome, JSON.stringify(outcome)).toBe('string')
        left -= 1
      })
    }
  }
  let seconds = 0
  while (left > 0 && seconds < 600) {
    cluster.run(1_000)
    seconds += 1
    for (const [site, bytes] of bytesInto().entries()) into[site]!.push(bytes - before[site]!)
  }
  expect(left, 'every fetch ends').toBe(0)
  return { seconds, into }
}

describe('the budget of a site', () => {
  test('holds for all nodes and models together, at every moment', () => {
    const { seconds, into } = play(worldOf(budgetBytesPerS))
    // Each node may be ahead by a chunk and by what it thought its share was before it heard of the others.
    const aheadBytes = nodesPerSite * (8 * MiB + 2 * budgetBytesPerS)
    for (const bytes of into.flatMap((site) => site.map((sum, at) => sum - budgetBytesPerS * (at + 1)))) {
      expect(bytes).toBeLessThanOrEqual(aheadBytes)
    }
    const idealS = (modelCount * modelBytes) / budgetBytesPerS
    expect(seconds).toBeLessThan(1.5 * idealS)
    expect(seconds).toBeGreaterThan(0.6 * idealS)
  })

  test('is what makes it slow', () => {
    const { seconds } = play(worldOf(null))
    expect(seconds).toBeLessThan(0.6 * ((modelCount * modelBytes) / budgetBytesPerS))
  })
})
