import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultSiteBudgetOptions, SiteBudget } from '../../../core/transfer/site-budget.ts'

const MB = 1_000_000

function budgetOf(siteInBytesPerS: number, fetcherCount: (nowMs: number) => number): SiteBudget {
  return new SiteBudget(fetcherCount, { ...defaultSiteBudgetOptions, siteInBytesPerS })
}

/** Asks for a chunk whenever it may. @returns bytes asked for. */
function askFor(budget: SiteBudget, chunkBytes: number, endMs: number): number {
  let bytes = 0
  for (let nowMs = 0; nowMs < endMs; nowMs += 100) {
    while (budget.isOpen(nowMs)) {
      budget.charge(chunkBytes)
      bytes += chunkBytes
    }
  }
  return bytes
}

describe('the budget of a site', () => {
  test('is without a limit by default', () => {
    const budget = new SiteBudget(() => 0)
    budget.charge(1e12)
    expect(budget.isLimited).toBe(false)
    expect(budget.isOpen(0)).toBe(true)
  })

  test('lets one chunk go that is larger than what is left, and makes up for it', () => {
    const budget = budgetOf(1 * MB, () => 0)
    expect(budget.isOpen(0)).toBe(true)
    budget.charge(8 * MB)
    expect(budget.isOpen(6_900)).toBe(false)
    expect(budget.isOpen(7_100)).toBe(true)
  })

  test('is shared equally, and the share grows when the others have done', () => {
    const budget = budgetOf(4 * MB, (nowMs) => (nowMs < 10_000 ? 3 : 0))
    const first = askFor(budget, MB, 10_000)
    expect(first / (10 * MB)).toBeCloseTo(1, 0)
    budget.charge(0)
    let bytes = 0
    for (let nowMs = 10_000; nowMs < 20_000; nowMs += 100) {
      while (budget.isOpen(nowMs)) {
        budget.charge(MB)
        bytes += MB
      }
    }
    expect(bytes / (40 * MB)).toBeCloseTo(1, 0)
  })

  test('takes back what did not come', () => {
    const budget = budgetOf(1 * MB, () => 0)
    expect(budget.isOpen(0)).toBe(true)
    budget.charge(8 * MB)
    budget.giveBack(8 * MB)
    expect(budget.isOpen(0)).toBe(true)
  })

  test('never lets more pass than the rate, what was kept and one chunk', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_000, max: 100 * MB }),
        fc.integer({ min: 1, max: 8 * MB }),
        fc.integer({ min: 0, max: 15 }),
        (rate, chunkBytes, others) => {
          const endMs = 20_000
          const share = rate / (1 + others)
          // At most some thousand chunks, so that the test ends.
          fc.pre((share * 21) / chunkBytes < 5_000)
          const bytes = askFor(
            budgetOf(rate, () => others),
            chunkBytes,
            endMs,
          )
          expect(bytes).toBeLessThanOrEqual(
            (share * (endMs + defaultSiteBudgetOptions.siteBurstMs)) / 1_000 + chunkBytes,
          )
        },
      ),
    )
  })
})
