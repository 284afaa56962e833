import { expect, test } from 'vitest'
import { createPrng } from '../../../common/index.ts'
import { drawPlanGap, leastWorth } from '../../../sim/traces/plan-gap.ts'

test('finds the cheapest set that frees enough', () => {
  const items = [
    { sizeBytes: 4, worth: 5 },
    { sizeBytes: 3, worth: 2 },
    { sizeBytes: 2, worth: 2 },
  ]
  expect([0, 3, 4, 5, 6, 9, 10].map((needed) => leastWorth(items, needed))).toEqual([0, 2, 4, 4, 7, 9, Infinity])
  expect(() => leastWorth(Array(13).fill(items[0]), 1)).toThrow('12 models at most')
})

test('plans of holdfast are never better than the best, at most twice as dear, and on average hardly worse', () => {
  const gaps = Array.from({ length: 100 }, (_, index) => drawPlanGap(createPrng(9).child(String(index))))
  for (const gap of gaps) {
    expect(gap).toBeGreaterThan(-1e-9)
    expect(gap).toBeLessThan(1 + 1e-9)
  }
  expect(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length).toBeLessThan(0.12)
})
