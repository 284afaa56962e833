/**
 * Conformance with numbers nobody here computed: miss counts of a public block trace, published with libCacheSim and verified
 * by an independent implementation.
 */
import { describe, expect, test } from 'vitest'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { replay } from '../../../sim/traces/replay.ts'
import { readCloudPhysics } from '../../support/public-traces.ts'
import { missingData, readJson } from '../../support/shared-data.ts'

interface Expected {
  readonly capacities_bytes: readonly number[]
  readonly policies: Record<string, { miss_count: readonly number[]; miss_bytes: readonly number[] }>
}

const missing = missingData('cloudphysics_trace.csv.gz', 'cloudphysics_expected.json')
if (missing !== null) console.log(`the cloudPhysics trace: ${missing}`)

describe.skipIf(missing !== null)('the cloudPhysics trace', () => {
  const trace = missing === null ? readCloudPhysics() : null!
  const expected = (missing === null ? readJson('cloudphysics_expected.json') : { policies: {} }) as Expected

  test.each([
    { name: 'lru', reference: 'LRU' },
    { name: 'fifo', reference: 'FIFO' },
    { name: 'lfu', reference: 'LFU' },
    { name: 'gdsf', reference: 'GDSF' },
    { name: 'belady', reference: 'Belady' },
  ] as const)('$name misses exactly as often as the reference, at every capacity', ({ name, reference }) => {
    const results = expected.capacities_bytes.map((capacityBytes) =>
      replay(createPolicyFor(name, trace), trace, { capacityBytes, onlyNeeded: false }),
    )
    expect({
      miss_count: results.map((result) => result.missCount),
      miss_bytes: results.map((result) => result.missBytes),
    }).toEqual(expected.policies[reference])
  })
})
