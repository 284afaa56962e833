/** With few requests per model there is little to learn: then ours has to be about as good as a plain frequency count. */
import { expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import type { AnyPolicyName } from '../../../placement/index.ts'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { replay } from '../../../sim/traces/replay.ts'
import { sumOfSizes } from '../../../sim/traces/trace.ts'
import { generateWorkload, type WorkloadOptions } from '../../../sim/traces/workload.ts'

const seeds = [21, 22, 23, 24]
const chance = { timerPercent: 0, burstPercent: 0, newPercent: 0, nightDepth: 0, flashCrowdCount: 0 }

function meanRatio(options: Partial<WorkloadOptions>): number {
  const ratios = seeds.flatMap((seed) => {
    const trace = generateWorkload(createPrng(seed), options)
    return [0.25, 0.5, 0.75].map((fraction) => {
      const capacityBytes = fraction * sumOfSizes(trace.models)
      const loadMs = (name: AnyPolicyName) => replay(createPolicyFor(name, trace), trace, { capacityBytes }).loadMs
      return loadMs('holdfast') / loadMs('belady-am-online')
    })
  })
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
}

test.each<{ id: string; options: Partial<WorkloadOptions>; most: number }>([
  { id: 'eight requests per model', options: { requestCount: 1000 }, most: 1.03 },
  { id: 'twenty-five requests per model', options: { requestCount: 3000 }, most: 1.03 },
  { id: 'eighty requests per model', options: { requestCount: 10_000 }, most: 0.98 },
  {
    id: 'chance alone, for which nothing beats the count',
    options: { requestCount: 10_000, ...chance },
    most: 1.07,
  },
])('$id: waits hardly longer than by a frequency count', ({ options, most }) => {
  expect(meanRatio(options)).toBeLessThan(most)
})
