/**
 * Conformance with numbers nobody here computed: miss counts of a public block trace, published with libCacheSim and verified
 * by an independent implementation.
 */
import { describe, expect, test } from 'vitest'
import { createEvictionPolicy } from '../../../placement/index.ts'
import { type ReplayRequest, replay } from '../../support/replay.ts'
import { missingData, readCsv, readJson } from '../../support/shared-data.ts'

interface Expected {
  readonly capacities_bytes: readonly number[]
  readonly policies: Record<string, { miss_count: readonly number[]; miss_bytes: readonly number[] }>
}

const missing = missingData('cloudphysics_trace.csv.gz', 'cloudphysics_expected.json')

/** The reference takes frequency x 1e6 / bytes, so every miss costs a million. */
function readTrace(): ReplayRequest[] {
  const ids = new Map<string, string>()
  return readCsv('cloudphysics_trace.csv.gz').map(([seconds, id, sizeBytes]) => {
    if (!ids.has(id!)) ids.set(id!, id!)
    return { nowMs: Number(seconds) * 1000, model: ids.get(id!)!, sizeBytes: Number(sizeBytes), missCostMs: 1e6 }
  })
}

if (missing !== null) console.log(`the cloudPhysics trace: ${missing}`)

describe.skipIf(missing !== null)('the cloudPhysics trace', () => {
  const requests = missing === null ? readTrace() : []
  const expected = (missing === null ? readJson('cloudphysics_expected.json') : { policies: {} }) as Expected

  test.each(['lru', 'gdsf'] as const)('%s misses exactly as often as the reference, at every capacity', (name) => {
    const results = expected.capacities_bytes.map((bytes) => replay(createEvictionPolicy(name), requests, bytes))
    report(name, results)
    expect({
      miss_count: results.map((result) => result.missCount),
      miss_bytes: results.map((result) => result.missBytes),
    }).toEqual(expected.policies[name.toUpperCase()])
  })

  test('holdfast misses less often than LRU where every miss costs the same', () => {
    const bytes = expected.capacities_bytes[0]!
    const part = requests.slice(0, 40_000) // holdfast is made for thousands of models, not for 49,000 of four kilobytes
    const [lru, holdfast] = (['lru', 'holdfast'] as const).map((name) =>
      replay(createEvictionPolicy(name), part, bytes),
    )
    report('lru and holdfast, first 40,000 requests', [lru!, holdfast!])
    expect(holdfast!.missCount).toBeLessThan(lru!.missCount)
  })
})

function report(name: string, results: readonly { requestsPerS: number; missCount: number }[]): void {
  const rates = results.map(
    ({ requestsPerS, missCount }) => `${Math.round(requestsPerS / 1000)}k/s (${missCount} misses)`,
  )
  console.log(`${name}: ${rates.join(', ')}`)
}
