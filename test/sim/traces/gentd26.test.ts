/** Conformance with reference misses on production requests for base models and their adapters. */
import { describe, expect, test } from 'vitest'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { replay } from '../../../sim/traces/replay.ts'
import { readGenTd26 } from '../../support/public-traces.ts'
import { missingData, readJson } from '../../support/shared-data.ts'

interface Part {
  readonly capacities_objects?: readonly number[]
  readonly capacities_bytes?: readonly number[]
  readonly misses: Record<string, readonly number[]>
  readonly miss_bytes?: Record<string, readonly number[]>
}

const missing = missingData('gentd26_requests_given.csv.gz', 'gentd26_reference_given.json')
if (missing !== null) console.log(`the trace of bases and adapters: ${missing}`)

const parts = [
  { part: 'unit_size', sizeBytesOf: () => 1, names: ['lru', 'fifo', 'lfu', 'belady'] },
  {
    part: 'assumed_sizes',
    sizeBytesOf: (name: string) => (name.startsWith('B') ? 2e9 : 1.5e8),
    names: ['lru', 'fifo', 'lfu', 'gdsf', 'belady'],
  },
] as const
const references = { lru: 'LRU', fifo: 'FIFO', lfu: 'LFU', gdsf: 'GDSF', belady: 'Belady' } as const

describe.skipIf(missing !== null).each(parts)('bases and adapters, $part', ({ part, sizeBytesOf, names }) => {
  const expected = (missing === null ? (readJson('gentd26_reference_given.json') as never)[part] : {}) as Part
  const trace = missing === null ? readGenTd26(sizeBytesOf) : null!

  test.each(names)('%s misses exactly as often as the reference', (name) => {
    const capacities = expected.capacities_bytes ?? expected.capacities_objects!
    const results = capacities.map((capacityBytes) =>
      replay(createPolicyFor(name, trace), trace, { capacityBytes, onlyNeeded: false }),
    )
    expect(results.map(({ missCount }) => missCount)).toEqual(expected.misses[references[name]])
    const bytes = expected.miss_bytes?.[references[name]]
    if (bytes !== undefined) expect(results.map(({ missBytes }) => missBytes)).toEqual(bytes)
  })
})
