/** Fifty real protocol cores on a virtual clock. SEED=... replays one run; without it the seed below is run. */
import { describe, expect, test } from 'vitest'
import {
  Cluster,
  type ClusterOptions,
  checkAll,
  checkConvergence,
  defaultClusterOptions,
  publishedNow,
  replayHint,
} from '../../sim/index.ts'

const seeds = process.env.SEED === undefined ? [15] : [Number(process.env.SEED)]
const file = 'test/sim/cluster.test.ts'

const create = (seed: number, over: Partial<ClusterOptions> = {}): Cluster => new Cluster({ seed, ...over })
const lossy = (lossPercent: number) => ({ network: { ...defaultClusterOptions.network, lossPercent } })

/** Quiet time, then everything a run must satisfy. */
function expectSound(cluster: Cluster): void {
  cluster.run(60_000)
  const published = publishedNow(cluster)
  cluster.run(30_000)
  expect(checkAll(cluster, published), replayHint(cluster, file)).toEqual([])
}

describe.each(seeds)('fifty nodes, seed %i', (seed) => {
  test('with 10 % message loss all learn what everyone holds within 30 s', () => {
    const cluster = create(seed, lossy(10))
    for (const [at, node] of cluster.nodes.entries()) node.preload(cluster.models[at % cluster.models.length]!)
    cluster.start()
    cluster.run(3_000)
    const published = publishedNow(cluster)
    expect(published.size, 'state and residency of each node').toBeGreaterThanOrEqual(100)
    cluster.run(27_000)
    expect(checkConvergence(cluster, published), replayHint(cluster, file)).toEqual([])
    expectSound(cluster)
  })

  test('under load with 10 % loss every request is answered and every fetch ends', () => {
    const cluster = create(seed, lossy(10))
    cluster.start()
    cluster.run(2_000)
    cluster.load({ requestCount: 1_000, durationMs: 60_000, zipfExponent: 1 })
    cluster.run(60_000)
    expectSound(cluster)
    const outcomes = new Set(cluster.requests.map((request) => request.outcome))
    expect([...outcomes].sort(), replayHint(cluster, file)).toEqual(['fetched', 'forwarded', 'local'])
  })

  test('with little memory models are evicted and no limit is broken', () => {
    const node = { ...defaultClusterOptions.node, memoryLimitBytes: 256 * 1024 * 1024 }
    const cluster = create(seed, { ...lossy(5), node })
    cluster.start()
    cluster.run(2_000)
    cluster.load({ requestCount: 1_000, durationMs: 60_000, zipfExponent: 0.6 })
    cluster.run(60_000)
    expectSound(cluster)
  })

  test('with the origin removed all bytes come from peers', () => {
    const cluster = create(seed)
    const [model] = cluster.models
    cluster.nodes[7]!.preload(model!)
    cluster.start()
    cluster.run(3_000)
    cluster.origin.available = false
    const outcomes: string[] = []
    for (const node of cluster.nodes) node.fetch(model!, (outcome) => outcomes.push(outcome))
    expectSound(cluster)
    expect(outcomes, replayHint(cluster, file)).toEqual(Array.from({ length: 50 }, () => 'complete'))
    expect(cluster.origin.bytesServed).toBe(0)
    expect(cluster.nodes[0]!.peerBytes.received).toBeGreaterThanOrEqual(model!.sizeBytes)
  })

  test('nodes that serve wrong chunks are distrusted and every fetch still completes', () => {
    const cluster = create(seed)
    const [model] = cluster.models
    const liars = cluster.nodes.slice(0, 5)
    for (const liar of liars) liar.byzantine = true
    for (const holder of cluster.nodes.slice(0, 8)) holder.preload(model!)
    cluster.start()
    cluster.run(3_000)
    const outcomes: string[] = []
    for (const node of cluster.nodes.slice(8)) node.fetch(model!, (outcome) => outcomes.push(outcome))
    cluster.run(30_000)
    expect(outcomes, replayHint(cluster, file)).toEqual(Array.from({ length: 42 }, () => 'complete'))
    const ids = new Set(liars.map((liar) => liar.id))
    const blamed = cluster.nodes.flatMap((node) =>
      node.core.members(cluster.queue.nowMs).flatMap((member) => (member.distrusted ? [member.node] : [])),
    )
    expect(blamed.length, replayHint(cluster, file)).toBeGreaterThan(0)
    expect(
      blamed.filter((id) => !ids.has(id)),
      'an honest node was blamed',
    ).toEqual([])
    expectSound(cluster)
  })

  test('a partition heals: both sides believe the same again', () => {
    const cluster = create(seed, lossy(5))
    cluster.start()
    cluster.run(5_000)
    cluster.partition((node) => node < 20)
    cluster.run(2_000)
    cluster.load({ requestCount: 500, durationMs: 20_000, zipfExponent: 1 })
    cluster.run(30_000)
    expect(checkConvergence(cluster, publishedNow(cluster)), 'the sides cannot agree while they are apart').not.toEqual(
      [],
    )
    cluster.heal()
    expectSound(cluster)
  })

  test('a crashed holder is suspected and avoided; it refutes when it is back', () => {
    const cluster = create(seed)
    const [model] = cluster.models
    const [holder, other] = [cluster.nodes[3]!, cluster.nodes[4]!]
    holder.preload(model!)
    other.preload(model!)
    cluster.start()
    cluster.run(5_000)
    cluster.crash(holder)
    cluster.run(3_000)
    const suspectedBy = () =>
      cluster.nodes.filter((node) => {
        const holders = node.core.holders(model!.id, cluster.queue.nowMs)
        return node.up && holders.some((view) => view.node === holder.id && view.suspected)
      })
    expect(suspectedBy().length, replayHint(cluster, file)).toBe(49)
    for (const node of cluster.nodes) cluster.request(node, model!)
    cluster.run(10_000)
    expect(
      cluster.requests.filter((request) => request.outcome === 'failed'),
      replayHint(cluster, file),
    ).toEqual([])
    expect(
      cluster.requests.every((request) => request.elapsedMs < 1_000),
      'nobody waited for the dead holder',
    ).toBe(true)
    cluster.restart(holder)
    cluster.run(10_000)
    expect(suspectedBy(), replayHint(cluster, file)).toEqual([])
    expectSound(cluster)
  })

  test('fifty nodes that want one cold model at once cost the origin little', () => {
    const catalog = { ...defaultClusterOptions.catalog, modelCount: 1, chunkCount: [60, 0] as const }
    const cluster = create(seed, { catalog })
    const [model] = cluster.models
    cluster.start()
    cluster.run(5_000)
    const outcomes: string[] = []
    let lastMs = 0
    const startedMs = cluster.queue.nowMs
    for (const node of cluster.nodes) {
      node.fetch(model!, (outcome) => {
        outcomes.push(outcome)
        lastMs = cluster.queue.nowMs - startedMs
      })
    }
    cluster.run(120_000)
    const copies = cluster.origin.bytesServed / model!.sizeBytes
    console.log(
      `seed ${seed}: ${copies.toFixed(2)} copies from the origin, all done after ${(lastMs / 1_000).toFixed(1)} s`,
    )
    expect(outcomes, replayHint(cluster, file)).toEqual(Array.from({ length: 50 }, () => 'complete'))
    expect(copies, replayHint(cluster, file)).toBeLessThan(3)
    expectSound(cluster)
  })
})

test('one seed is one run; another seed is another', () => {
  const hash = (seed: number): string => {
    const cluster = create(seed, { ...lossy(10), nodeCount: 12 })
    cluster.start()
    cluster.load({ requestCount: 200, durationMs: 10_000, zipfExponent: 1 })
    cluster.run(20_000)
    expect(cluster.log.lineCount).toBeGreaterThan(500)
    return cluster.log.hash
  }
  expect(hash(5)).toBe(hash(5))
  expect(hash(5)).not.toBe(hash(6))
})
