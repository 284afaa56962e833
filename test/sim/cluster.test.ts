/** Fifty real protocol cores on a virtual clock. SEED=... replays one run; without it the seed below is run. */
import { describe, expect, test } from 'vitest'
import { type Cluster, checkAll, checkConvergence, EventLog, publishedNow, runCluster } from '../../sim/index.ts'
import { createWorld, replayHint, scenarioOf } from './support/worlds.ts'

const seeds = process.env.SEED === undefined ? [15] : [Number(process.env.SEED)]
const file = 'test/sim/cluster.test.ts'

/** Quiet time, then everything a run must satisfy. */
function expectSound(cluster: Cluster): void {
  cluster.calm()
  cluster.run(60_000)
  const published = publishedNow(cluster)
  cluster.run(30_000)
  expect(checkAll(cluster, published), replayHint(cluster, file)).toEqual([])
}

/** All nodes bring the model in; how many have it in the end. */
function loadAll(cluster: Cluster, nodes: Cluster['nodes'], model: Cluster['models'][number]) {
  const outcomes: string[] = []
  let lastMs = 0
  for (const node of nodes) {
    node.makeReady(model, (outcome) => {
      outcomes.push(typeof outcome === 'string' ? 'complete' : 'failed')
      lastMs = cluster.queue.nowMs
    })
  }
  return { outcomes, lastMs: () => lastMs }
}

const complete = (count: number) => Array.from({ length: count }, () => 'complete')

describe.each(seeds)('fifty nodes, seed %i', (seed) => {
  test('with 10 % message loss all learn what everyone holds within 30 s', () => {
    const cluster = createWorld({ seed, 'gossip.lossPercent': 10 })
    cluster.start()
    for (const [at, node] of cluster.nodes.entries()) node.preload([cluster.models[at % cluster.models.length]!])
    cluster.run(3_000)
    const published = publishedNow(cluster)
    expect(published.size, 'state and residency of each node').toBeGreaterThanOrEqual(100)
    cluster.run(27_000)
    expect(checkConvergence(cluster, published), replayHint(cluster, file)).toEqual([])
    expectSound(cluster)
  })

  test('under load with 10 % loss every request is answered and every fetch ends', () => {
    const values = {
      seed,
      durationS: 60,
      'gossip.lossPercent': 10,
      'requests.ratePerS': 16,
      'requests.zipfExponent': 1,
    }
    const cluster = runCluster(scenarioOf(values), { log: new EventLog() })
    expect(cluster.metrics.findings, replayHint(cluster, file)).toEqual([])
    const { servedBy, failedBy } = cluster.metrics
    expect(servedBy.reduce((sum, count) => sum + count, 0)).toBe(cluster.requests.timesMs.length)
    expect([...failedBy]).toEqual([0, 0, 0, 0, 0])
    // Memory, forwarded, origin: each way is taken.
    expect([0, 2, 4].map((at) => servedBy[at]! > 0)).toEqual([true, true, true])
  })

  test('with little memory models are evicted and no limit is broken', () => {
    const values = {
      seed,
      durationS: 60,
      'gossip.lossPercent': 5,
      'requests.ratePerS': 16,
      'requests.zipfExponent': 0.6,
    }
    const little = { 'node.memoryBytes': 256 * 1024 ** 2, 'checks.everyS': 5 }
    const cluster = runCluster(scenarioOf({ ...values, ...little }), { log: new EventLog() })
    expect(cluster.metrics.findings, replayHint(cluster, file)).toEqual([])
    expect(cluster.metrics.evictionsByReason.size).toBeGreaterThan(0)
  })

  test('with the origin removed all bytes come from peers', () => {
    const cluster = createWorld({ seed })
    const [model] = cluster.models
    cluster.start()
    cluster.nodes[7]!.preload([model!])
    cluster.run(3_000)
    cluster.origin.fail()
    const others = cluster.nodes.filter((node) => node !== cluster.nodes[7])
    const { outcomes } = loadAll(cluster, others, model!)
    cluster.run(120_000)
    expect(outcomes, replayHint(cluster, file)).toEqual(complete(49))
    expect(cluster.origin.bytesServed).toBe(0)
    expect(cluster.metrics.byNode.peerBytesIn[0]!).toBeGreaterThanOrEqual(model!.sizeBytes)
    expectSound(cluster)
  })

  test('nodes that serve wrong chunks are distrusted and every fetch still completes', () => {
    const cluster = createWorld({ seed })
    const [model] = cluster.models
    const liars = cluster.nodes.slice(0, 5)
    for (const liar of liars) liar.chunks.byzantine = true
    cluster.start()
    for (const holder of cluster.nodes.slice(0, 8)) holder.preload([model!])
    cluster.run(3_000)
    const { outcomes } = loadAll(cluster, cluster.nodes.slice(8), model!)
    cluster.run(60_000)
    expect(outcomes, replayHint(cluster, file)).toEqual(complete(42))
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
    const requests = { durationS: 35, 'requests.ratePerS': 15 }
    const cluster = createWorld({ seed, 'gossip.lossPercent': 5, ...requests })
    cluster.start()
    cluster.run(5_000)
    cluster.partition((node) => node < 20)
    cluster.run(30_000)
    expect(checkConvergence(cluster, publishedNow(cluster)), 'the sides cannot agree while they are apart').not.toEqual(
      [],
    )
    cluster.heal()
    expectSound(cluster)
  })

  test('a crashed holder is suspected and avoided; it refutes when it is back', () => {
    const cluster = createWorld({ seed, 'node.diskBytes': 4e9 })
    const [model] = cluster.models
    const [holder, other] = [cluster.nodes[3]!, cluster.nodes[4]!]
    cluster.start()
    holder.preload([model!])
    other.preload([model!])
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
    const { zoneDelays, failedBy } = cluster.metrics
    expect(
      failedBy.reduce((sum, count) => sum + count, 0),
      replayHint(cluster, file),
    ).toBe(0)
    const slowestMs = Math.max(...zoneDelays.map((delays) => delays.quantileMs(1) ?? 0))
    expect(slowestMs, 'nobody waited for the dead holder').toBeLessThan(1_000)
    cluster.restart(holder)
    cluster.run(10_000)
    expect(suspectedBy(), replayHint(cluster, file)).toEqual([])
    expect(holder.holds(model!), 'what lies on a disk outlives a crash').toBe(true)
    expectSound(cluster)
  })

  test('fifty nodes that want one cold model at once cost the origin little', () => {
    const size = 60 * 8 * 1024 ** 2
    const cluster = createWorld({ seed, 'models.count': 1, 'models.sizeBytes': [size, size] })
    const [model] = cluster.models
    cluster.start()
    cluster.run(5_000)
    const startedMs = cluster.queue.nowMs
    const { outcomes, lastMs } = loadAll(cluster, cluster.nodes, model!)
    cluster.run(300_000)
    const copies = cluster.origin.bytesServed / model!.sizeBytes
    const doneS = (lastMs() - startedMs) / 1_000
    console.log(`seed ${seed}: ${copies.toFixed(2)} copies from the origin, all done after ${doneS.toFixed(1)} s`)
    expect(outcomes, replayHint(cluster, file)).toEqual(complete(50))
    expect(copies, replayHint(cluster, file)).toBeLessThan(3)
    expectSound(cluster)
  })
})

test('one seed is one run; another seed is another', () => {
  const hash = (seed: number): string => {
    const log = new EventLog()
    const values = { seed, durationS: 20, 'gossip.lossPercent': 10, 'requests.ratePerS': 10, 'checks.settleS': 0 }
    runCluster(scenarioOf({ ...values, 'drawnSites.count': 12 }), { log })
    expect(log.lineCount).toBeGreaterThan(400)
    return log.hash
  }
  expect(hash(5)).toBe(hash(5))
  expect(hash(5)).not.toBe(hash(6))
})
