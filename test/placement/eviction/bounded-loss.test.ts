import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { boundLoss, defaultBoundedLossOptions } from '../../../placement/eviction/bounded-loss.ts'
import { leastCover } from '../../../placement/eviction/least-cover.ts'
import { createEvictionPolicy, type EvictionPlan, type Victim } from '../../../placement/index.ts'
import { leastWorth } from '../../../sim/traces/plan-gap.ts'

/** Size and worth; the model's name is its place. */
type Pair = readonly [sizeBytes: number, worth: number]

const victimsOf = (pairs: readonly Pair[]): Victim[] =>
  pairs.map(([sizeBytes, worth], place) => ({
    model: `m${String(place).padStart(2, '0')}`,
    sizeBytes,
    score: worth / sizeBytes,
    reason: 'least-value',
  }))

function planFor(pairs: readonly Pair[], neededBytes: number, options = {}): EvictionPlan {
  const candidates = victimsOf(pairs)
  const victims: Victim[] = []
  let freedBytes = 0
  for (const victim of candidates.toSorted(
    (left, right) => left.score - right.score || (left.model < right.model ? -1 : 1),
  )) {
    if (freedBytes >= neededBytes) break
    victims.push(victim)
    freedBytes += victim.sizeBytes
  }
  const greedy = { victims, freedBytes, enough: freedBytes >= neededBytes }
  const request = { neededBytes, nowMs: 0, mayEvict: () => true }
  return boundLoss(greedy, request, () => candidates, { ...defaultBoundedLossOptions, ...options })
}

const worthOf = ({ victims }: EvictionPlan) => victims.reduce((sum, { score, sizeBytes }) => sum + score * sizeBytes, 0)

describe('what is planned', () => {
  test.each<{ id: string; pairs: readonly Pair[]; needed: number; victims: readonly string[] }>([
    {
      id: 'by value per byte while that loses little',
      pairs: [
        [100, 15],
        [10, 10],
      ],
      needed: 10,
      victims: ['m00'],
    },
    {
      id: 'a small model where a large one loses too much',
      pairs: [
        [100, 25],
        [10, 10],
      ],
      needed: 10,
      victims: ['m01'],
    },
    {
      id: 'by value per byte among those that lose little',
      pairs: [
        [100, 25],
        [40, 16],
        [10, 10],
      ],
      needed: 10,
      victims: ['m01'],
    },
    {
      id: 'the large one when nothing else is enough',
      pairs: [
        [100, 25],
        [10, 10],
      ],
      needed: 50,
      victims: ['m00'],
    },
    {
      id: 'the cheapest set when value per byte still loses too much without the largest',
      pairs: [
        [100, 90],
        [50, 48],
        [55, 55],
        [10, 10],
        [51, 51.5],
        [9, 11],
      ],
      needed: 19,
      victims: ['m03', 'm05'],
    },
    {
      id: 'all there is, when that is not enough',
      pairs: [
        [100, 25],
        [10, 10],
      ],
      needed: 200,
      victims: ['m00', 'm01'],
    },
  ])('$id', ({ pairs, needed, victims }) => {
    expect(planFor(pairs, needed).victims.map(({ model }) => model)).toEqual(victims)
  })

  test('is the greedy plan when no set has a finite worth', () => {
    expect(
      planFor(
        [
          [100, Number.POSITIVE_INFINITY],
          [10, 1],
        ],
        50,
      ).victims,
    ).toHaveLength(1)
  })
})

const anyPairs = fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 0, max: 100 })), {
  minLength: 1,
  maxLength: 12,
})

test('frees enough and is never worth more than the bound times the cheapest set', () => {
  fc.assert(
    fc.property(
      anyPairs,
      fc.integer({ min: 1, max: 600 }),
      fc.constantFrom(1, 1.5, 2),
      (pairs, needed, lossFactorMax) => {
        const plan = planFor(pairs, needed, { lossFactorMax })
        const least = leastWorth(
          victimsOf(pairs).map(({ sizeBytes, score }) => ({ sizeBytes, worth: score * sizeBytes })),
          needed,
        )
        expect(plan.enough).toBe(least < Number.POSITIVE_INFINITY)
        if (!plan.enough) return
        expect(plan.freedBytes).toBeGreaterThanOrEqual(needed)
        expect(worthOf(plan)).toBeLessThanOrEqual(lossFactorMax * least * (1 + 1e-9))
      },
    ),
    { numRuns: 500 },
  )
})

test('the search finds the cheapest set, and stops when it is told to', () => {
  fc.assert(
    fc.property(anyPairs, fc.integer({ min: 1, max: 600 }), (pairs, neededBytes) => {
      const items = pairs
        .map(([sizeBytes, worth]) => ({ sizeBytes, worth }))
        .sort((left, right) => left.worth / left.sizeBytes - right.worth / right.sizeBytes)
      const least = leastWorth(items, neededBytes)
      const cover = leastCover(items, { neededBytes, below: Number.POSITIVE_INFINITY, stepsMax: 1e6 })
      expect(cover?.worth ?? Number.POSITIVE_INFINITY).toBeCloseTo(least, 9)
      expect(leastCover(items, { neededBytes, below: least, stepsMax: 1e6 })).toBeNull()
      const hurried = leastCover(items, { neededBytes, below: Number.POSITIVE_INFINITY, stepsMax: 3 })
      expect(hurried?.worth ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(least - 1e-9)
    }),
    { numRuns: 300 },
  )
})

test.each([{ lossFactorMax: 0.9 }, { searchStepsMax: 0 }])('holdfast refuses %o', (options) => {
  expect(() => createEvictionPolicy('holdfast', options)).toThrow('broken invariant')
})
