/** Conformance with an independent reference on requests for 121 models that differ in size and load time. */
import { describe, expect, test } from 'vitest'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { replay, summarize } from '../../../sim/traces/replay.ts'
import { sumOfSizes } from '../../../sim/traces/trace.ts'
import { readManyModels } from '../../support/public-traces.ts'
import { missingData, readJson } from '../../support/shared-data.ts'

interface Expected {
  readonly memory_fraction: readonly number[]
  readonly miss_percent: Record<string, readonly number[]>
  readonly mean_load_delay_s: Record<string, readonly number[]>
}

const missing = missingData('manymodels_a_requests.csv.gz', 'manymodels_a_models.json', 'manymodels_a_expected.json')
if (missing !== null) console.log(`the trace of many models: ${missing}`)

describe.skipIf(missing !== null)('the trace of many models', () => {
  const trace = missing === null ? readManyModels() : null!
  const expected = (missing === null ? readJson('manymodels_a_expected.json') : {}) as Expected

  const run = (name: Parameters<typeof createPolicyFor>[0]) =>
    expected.memory_fraction.map((fraction) =>
      summarize(
        trace,
        replay(createPolicyFor(name, trace), trace, { capacityBytes: fraction * sumOfSizes(trace.models) }),
      ),
    )

  test.each([
    { name: 'belady', reference: 'belady' },
    { name: 'belady-am', reference: 'belady_am_oracle' },
    { name: 'lru', reference: 'lru' },
  ] as const)('$name reproduces every printed digit', ({ name, reference }) => {
    const results = run(name)
    expect({
      missPercent: results.map(({ missPercent }) => Number(missPercent.toFixed(3))),
      meanLoadDelayS: results.map(({ meanLoadDelayS }) => Number(meanLoadDelayS.toFixed(4))),
    }).toEqual({
      missPercent: expected.miss_percent[reference],
      meanLoadDelayS: expected.mean_load_delay_s[reference],
    })
  })

  test.each([
    { name: 'belady-am-online', reference: 'belady_am_online' },
    { name: 'gdsf', reference: 'gdsf' },
  ] as const)('$name comes within half a percent', ({ name, reference }) => {
    run(name).forEach(({ missPercent, meanLoadDelayS }, index) => {
      expect(Math.abs(missPercent / expected.miss_percent[reference]![index]! - 1)).toBeLessThan(0.005)
      expect(Math.abs(meanLoadDelayS / expected.mean_load_delay_s[reference]![index]! - 1)).toBeLessThan(0.005)
    })
  })

  test('holdfast waits less than every other online policy when memory is short', () => {
    const delays = (['lru', 'gdsf', 'sieve', 'belady-am-online'] as const).map((name) => run(name)[0]!.meanLoadDelayS)
    expect(run('holdfast')[0]!.meanLoadDelayS).toBeLessThan(Math.min(...delays))
  })
})
