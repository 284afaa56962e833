/** Quantiles of the histogram are those of the values, within its bins. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../../sim/metrics/histogram.ts'

const ms = fc.oneof(fc.constant(0), fc.double({ min: 0.002, max: 1e8, noNaN: true }))

test('a quantile is within 1.2 % of the nearest rank, and the mean is exact', () => {
  fc.assert(
    fc.property(
      fc.array(ms, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const histogram = new Histogram()
        for (const value of values) histogram.add(value)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!
        expect(Math.abs(histogram.quantileMs(q)! - exact)).toBeLessThanOrEqual(0.012 * exact)
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length
        expect(histogram.meanMs).toBeCloseTo(mean, 3)
      },
    ),
  )
})

test('two histograms merge to that of all values', () => {
  const [left, right, all] = [new Histogram(), new Histogram(), new Histogram()]
  for (const value of [0, 1, 5, 40]) left.add(value)
  for (const value of [0, 0, 7_000]) right.add(value)
  for (const value of [0, 1, 5, 40, 0, 0, 7_000]) all.add(value)
  left.merge(right)
  expect(left.figures()).toEqual(all.figures())
})
