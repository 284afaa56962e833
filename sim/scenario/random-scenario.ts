/** A small world drawn from a seed, with every kind of fault: what nobody thought of is found by running many of them. */

import { createPrng, evictionPolicyNames, type Prng } from '../../common/index.ts'
import { faultKinds, parseScenario, type Scenario } from './scenario.ts'

const MB = 1_000_000

export function randomScenario(seed: number): Scenario {
  const random = createPrng(seed).child('scenario')
  const among = <T>(values: readonly T[]): T => values[random.int(values.length)]!
  const siteCount = 1 + random.int(5)
  const nodesPerSite = 1 + random.int(3)
  const modelCount = 2 + random.int(12)
  const largestBytes = among([20 * MB, 100 * MB, 400 * MB])
  const memoryBytes = Math.round(largestBytes * (1.05 + random.float() * 4))
  const durationS = 30 + random.int(120)
  return parseScenario({
    schema: 'holdfast.scenario.v1',
    name: `random-${seed}`,
    seed,
    durationS,
    bucketS: durationS / 5,
    drawnSites: { count: siteCount, nodesPerSite, zoneCount: random.int(siteCount + 1) },
    node: {
      memoryBytes,
      diskBytes: among([0, Math.round(memoryBytes * (1 + random.float() * 3))]),
      diskReadBytesPerS: among([100 * MB, 1_000 * MB]),
      upBytesPerS: among([5 * MB, 50 * MB, 500 * MB]),
      downBytesPerS: among([20 * MB, 125 * MB]),
      workerCount: 1 + random.int(4),
      uploadsMax: among([2, 64]),
    },
    network: { pathBytesPerS: among([null, 10 * MB]), detectMs: among([50, 1_000]) },
    origin: {
      bytesPerS: among([null, 20 * MB, 200 * MB]),
      perNodeBytesPerS: among([null, 30 * MB]),
      requestsPerS: among([null, 20]),
    },
    models: {
      count: modelCount,
      sizeBytes: [MB, largestBytes],
      initMs: [10, 500],
      executeMs: [1, among([20, 500])],
      chunkBytes: 4 * MB,
    },
    requests: {
      ratePerS: 0.5 + random.float() * 4,
      zipfExponent: random.float() * 1.5,
      burstPercent: among([0, 40]),
      timerPercent: among([0, 30]),
      newPercent: among([0, 20]),
      localityPercent: among([0, 60]),
      stickyPercent: among([0, 80]),
    },
    policy: {
      eviction: among(['holdfast', 'holdfast', ...evictionPolicyNames]),
      peerBlind: random.chance(1, 4),
      replication: random.chance(2, 3),
    },
    gossip: { lossPercent: among([0, 5, 30]), extraDelayMs: among([0, 0, 2_000]), instant: random.chance(1, 8) },
    faults: { perHour: drawRates(random), durationS: [1, 30] },
    events: drawEvents(random, { durationS, modelCount, nodeCount: siteCount * nodesPerSite, largestBytes }),
    checks: { everyS: 7, settleS: 240 },
  })
}

function drawRates(random: Prng): Record<string, number> {
  const rates: Record<string, number> = {}
  for (const kind of faultKinds) if (random.chance(1, 3)) rates[kind] = 20 + random.int(200)
  return rates
}

interface Bounds {
  readonly durationS: number
  readonly modelCount: number
  readonly nodeCount: number
  readonly largestBytes: number
}

/** What does not come at a rate. Of a node that leaves nothing else is asked, and one stays for good. */
function drawEvents(random: Prng, { durationS, modelCount, nodeCount, largestBytes }: Bounds): object[] {
  const events: object[] = []
  const atS = (): number => Math.round(random.float() * durationS)
  if (nodeCount > 2 && random.chance(1, 3)) events.push({ kind: 'leave', atS: atS(), count: 1 })
  if (nodeCount > 2 && random.chance(1, 3)) events.push({ kind: 'join', atS: atS(), count: 1 })
  if (random.chance(1, 3))
    events.push({ kind: 'pin', atS: atS(), modelRank: random.int(modelCount), replicas: 1 + random.int(3) })
  if (random.chance(1, 3)) {
    events.push({ kind: 'flash-crowd', atS: atS(), forS: 20, ratePerS: 10, modelRank: random.int(modelCount) })
  }
  if (random.chance(1, 3)) {
    events.push({ kind: 'push', atS: atS(), sizeBytes: Math.ceil(largestBytes * random.float()) + 1, ratePerS: 1 })
  }
  if (random.chance(1, 3)) events.push({ kind: 'move', atS: atS(), modelRank: random.int(modelCount) })
  return events
}
