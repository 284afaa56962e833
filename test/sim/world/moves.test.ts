/** Tags that move while nodes hold the revision before: what requests get, and what is kept. */
import { describe, expect, it } from 'vitest'
import { Cluster, parseScenario, runCluster, withValues } from '../../../sim/index.ts'

const MB = 1_000_000

const scenario = parseScenario({
  schema: 'holdfast.scenario.v1',
  name: 'moves',
  durationS: 120,
  sites: [
    { name: 'here', latitude: 0, longitude: 0 },
    { name: 'there', latitude: 1, longitude: 1 },
  ],
  node: { memoryBytes: 100 * MB, diskBytes: 400 * MB },
  origin: { rttMs: 100, latencyMs: 0 },
  models: { count: 2, sizeBytes: MB, initMs: 10, executeMs: 1 },
  requests: { ratePerS: 0 },
  policy: { replication: false },
  gossip: { formed: true },
  events: [{ kind: 'move', atS: 10, modelRank: 0, sizeBytes: 2 * MB }],
})

describe('a tag that moves', () => {
  it('means the new revision at once where nodes know without asking', () => {
    const cluster = runCluster(
      withValues(scenario, { requests: { ...scenario.requests, ratePerS: 2 }, 'models.count': 1 }),
    )
    const [before, after] = cluster.models
    expect([before!.sizeBytes, after!.sizeBytes]).toEqual([MB, 2 * MB])
    expect(cluster.nodes.some((node) => node.holds(after!))).toBe(true)
    expect(cluster.metrics.findings).toEqual([])
  })

  it('is noticed when it is looked up again, which is behind the first request after that time, and not before', () => {
    const cluster = new Cluster(withValues(scenario, { 'names.lookUp': true, 'names.freshS': 30 }))
    cluster.start()
    const [here] = cluster.nodes
    const name = cluster.models[0]!
    const revision = cluster.revisions.models[0]!
    const ask = (): void => {
      cluster.request(here!, name)
      cluster.run(5_000)
    }
    ask()
    const [move] = cluster.scenario.events
    if (move?.kind === 'move') cluster.revisions.move(move)
    ask()
    expect([here!.holds(name), here!.holds(revision)]).toEqual([true, false])
    cluster.run(30_000)
    ask()
    expect(here!.holds(revision)).toBe(false)
    ask()
    expect(here!.holds(revision)).toBe(true)
  })

  it.each([false, true])('is followed by its pin, with names looked up: %s', (lookUp) => {
    const pin = { kind: 'pin', atS: 1, modelRank: 0, replicas: 2 }
    const events = [pin, ...scenario.events]
    const cluster = runCluster(parseScenario({ ...scenario, names: { lookUp, freshS: 5 }, events }))
    const [revision] = cluster.revisions.models
    expect(cluster.nodes.map((node) => [node.holds(revision!), node.isPinned(revision!, 'disk')])).toEqual([
      [true, true],
      [true, true],
    ])
    expect(cluster.nodes.map((node) => node.isPinned(cluster.models[0]!, 'disk'))).toEqual([false, false])
    expect(cluster.metrics.findings).toEqual([])
  })

  it('has to be the tag of a model that there is', () => {
    const events = [{ kind: 'move', atS: 1, modelRank: 2 }]
    expect(() => new Cluster(parseScenario({ ...scenario, events }))).toThrow(/of a move is beyond the models/)
  })
})
