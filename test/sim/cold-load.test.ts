/** What the first request for a model waits for, part by part, and what the next ones do not. */
import { describe, expect, it } from 'vitest'
import { Cluster, parseScenario, withValues } from '../../sim/index.ts'

/** Two nodes 40 ms from each other and 100 ms from the origin; a model takes a second on the line. */
const pair = parseScenario({
  schema: 'holdfast.scenario.v1',
  name: 'pair',
  durationS: 3_600,
  sites: [
    { name: 'here', latitude: 0, longitude: 0 },
    { name: 'there', latitude: 1, longitude: 1 },
  ],
  node: { memoryBytes: 10_000_000, diskBytes: 20_000_000, downBytesPerS: 1_000_000 },
  network: { paths: [{ from: 'here', to: 'there', rttMs: 40 }], jitterPercent: 0 },
  origin: { rttMs: 100, latencyMs: 5 },
  models: { count: 2, sizeBytes: 1_000_000, initMs: 0, executeMs: 0 },
  requests: { ratePerS: 0 },
  policy: { replication: false },
  gossip: { formed: true },
})
const [way, line, disk] = [100 + 5, 1_000, 1]

/** How long the node's request for its model takes. */
function delayMs(cluster: Cluster, node: number, model = 0): number {
  const { byNode } = cluster.metrics
  const before = byNode.delaySumMs[node]!
  cluster.request(cluster.nodes[node]!, cluster.models[model]!)
  cluster.run(10_000)
  return byNode.delaySumMs[node]! - before
}

function started(values: Readonly<Record<string, unknown>>): Cluster {
  const cluster = new Cluster(withValues(pair, values))
  cluster.start()
  cluster.run(5_000)
  return cluster
}

describe('a cold load', () => {
  it.each([
    { what: 'nothing else', values: {}, ms: 0 },
    { what: 'the tag and the manifest', values: { 'names.lookUp': true }, ms: 2 * way },
    { what: 'the records of where it lies, both at once', values: { 'origin.readsRecords': true }, ms: way },
    { what: 'a connection', values: { 'origin.openRoundTrips': 2 }, ms: 2 * 100 },
    {
      what: 'a connection for each of the two records, one of which is used again',
      values: { 'origin.openRoundTrips': 1, 'origin.readsRecords': true },
      ms: 100 + way,
    },
    { what: 'slow start', values: { 'network.initialWindowBytes': 20_000 }, ms: 80 + 60 + 20 },
    { what: 'the conversion', values: { 'models.deriveMs': 150 }, ms: 150 },
  ])('waits for its way, its bytes, and $what', ({ values, ms }) => {
    const cluster = started(values)
    expect(delayMs(cluster, 0)).toBeCloseTo(way + line + disk + ms, 3)
    expect(delayMs(cluster, 0)).toBe(0)
  })
})

describe('names', () => {
  it('are asked of the origin when they are not known, and the manifest of the holder', () => {
    const cluster = started({ 'names.lookUp': true, 'names.freshS': 60 })
    delayMs(cluster, 0)
    // The tag, the manifest from the holder, and the request forwarded to it.
    expect(delayMs(cluster, 1)).toBeCloseTo(way + 40 + 40, 3)
    expect(delayMs(cluster, 1)).toBeCloseTo(40, 3)
    // Nobody waits for what is known already: it is looked up behind.
    cluster.run(60_000)
    expect(delayMs(cluster, 1)).toBeCloseTo(40, 3)
  })

  it('that are known are good enough while the origin is away; others are asked of peers', () => {
    const cluster = started({ 'names.lookUp': true, 'names.freshS': 60 })
    delayMs(cluster, 0)
    cluster.run(60_000)
    cluster.origin.fail()
    expect(delayMs(cluster, 0)).toBe(0)
    cluster.run(60_000)
    expect(delayMs(cluster, 0)).toBe(0)
    // The tag from the origin, which does not answer, and from the peers; the manifest and the request.
    expect(delayMs(cluster, 1)).toBeCloseTo(100 + 40 + 40 + 40, 3)
  })
})

it('a model that left the node is converted again, one that left memory is not', () => {
  const cluster = started({ 'models.deriveMs': 150 })
  const [node, model] = [cluster.nodes[0]!, cluster.models[0]!]
  delayMs(cluster, 0)
  node.release(model, 'memory', 'test')
  expect(delayMs(cluster, 0)).toBeCloseTo(disk, 3)
  node.release(model, 'memory', 'test')
  node.release(model, 'disk', 'test')
  expect(delayMs(cluster, 0)).toBeCloseTo(way + line + disk + 150, 3)
})
