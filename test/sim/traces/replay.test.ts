/** The rules of a replay, on traces small enough to follow by hand. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evictionPolicyNames } from '../../../common/index.ts'
import { oraclePolicyNames } from '../../../placement/index.ts'
import { missPercentByDecile } from '../../../sim/report/deciles.ts'
import { createPolicyFor } from '../../../sim/traces/policies.ts'
import { delayQuantileMs, replay, summarize } from '../../../sim/traces/replay.ts'
import { futureOf, sortTrace, sumOfSizes, type Trace, TraceBuilder } from '../../../sim/traces/trace.ts'

const models = [
  { name: 'small', sizeBytes: 1, loadMs: 1000 },
  { name: 'middle', sizeBytes: 2, loadMs: 4000 },
  { name: 'large', sizeBytes: 4, loadMs: 2000 },
]

function traceOf(places: readonly number[], of = models): Trace {
  const builder = new TraceBuilder()
  for (const [index, place] of places.entries()) builder.add(place, index * 1000)
  return builder.build(of)
}

describe('a replay', () => {
  test('charges each miss the load of its model', () => {
    const trace = traceOf([0, 0, 1, 0, 1])
    const result = replay(createPolicyFor('lru', trace), trace, { capacityBytes: 3 })
    expect(result).toMatchObject({ requestCount: 5, missCount: 2, missBytes: 3, evictionCount: 0, loadMs: 5000 })
    expect(summarize(trace, result)).toEqual({ missPercent: 40, meanLoadDelayS: 1, p99LoadDelayS: 4 })
  })

  test('evicts only the planned victims that are needed, the largest first', () => {
    const four = [...models, { name: 'other', sizeBytes: 4, loadMs: 2000 }]
    const trace = traceOf([0, 2, 3, 0], four)
    // LRU plans small, then large; large is enough.
    const [needed, all] = [true, false].map((onlyNeeded) =>
      replay(createPolicyFor('lru', trace), trace, { capacityBytes: 5, onlyNeeded }),
    )
    expect([needed!.missCount, needed!.evictionCount]).toEqual([3, 1])
    expect([all!.missCount, all!.evictionCount]).toEqual([4, 2])
  })

  test('loads what is larger than the memory for its request, and keeps it not', () => {
    const trace = traceOf([2, 0, 2, 0])
    const result = replay(createPolicyFor('lru', trace), trace, { capacityBytes: 3 })
    expect([...result.missCountByModel]).toEqual([1, 0, 2])
    expect(result.evictionCount).toBe(0)
  })

  test('of nothing is nothing', () => {
    const trace = traceOf([])
    expect(summarize(trace, replay(createPolicyFor('lru', trace), trace, { capacityBytes: 1 }))).toEqual({
      missPercent: 0,
      meanLoadDelayS: 0,
      p99LoadDelayS: 0,
    })
  })

  test('a quantile of delay is the nearest rank over all requests', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 1, maxLength: 60 }), fc.nat(100), (places, percent) => {
        const trace = traceOf(places)
        const result = replay(createPolicyFor('lru', trace), trace, { capacityBytes: 3 })
        const delays = models.flatMap(({ loadMs }, place) => Array(result.missCountByModel[place]!).fill(loadMs))
        const sorted = [...Array(places.length - delays.length).fill(0), ...delays].sort((a, b) => a - b)
        const rank = Math.max(1, Math.ceil((percent / 100) * places.length))
        expect(delayQuantileMs(trace, result, percent / 100)).toBe(sorted[rank - 1])
      }),
    )
  })
})

describe.each([...evictionPolicyNames, ...oraclePolicyNames])('%s', (name) => {
  test('misses each model once when there is room for all', () => {
    const trace = traceOf([0, 1, 2, 2, 1, 0, 0])
    const result = replay(createPolicyFor(name, trace), trace, { capacityBytes: sumOfSizes(models) })
    expect([...result.missCountByModel]).toEqual([1, 1, 1])
  })
})

describe('a trace', () => {
  test('knows the next request of each, as a search would find it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2)), (places) => {
        const future = futureOf(traceOf(places))
        places.forEach((place, index) => {
          const found = places.indexOf(place, index + 1)
          expect(future.nextRequestIndex(index)).toBe(found < 0 ? Number.POSITIVE_INFINITY : found)
        })
        expect(() => future.nextRequestIndex(places.length)).toThrow('broken invariant')
      }),
    )
  })

  test('is sorted by time, equal times as they came, and grows as it must', () => {
    const builder = new TraceBuilder()
    for (let index = 0; index < 5000; index++) builder.add(index % 3, Math.floor((5000 - index) / 10))
    const { modelIndexes, timesMs } = sortTrace(builder.build(models))
    expect(timesMs).toEqual(timesMs.toSorted())
    expect([...modelIndexes.subarray(0, 4)]).toEqual([4991, 4992, 4993, 4994].map((index) => index % 3))
  })

  test('is split into tenths of its models by popularity', () => {
    const ten = Array.from({ length: 10 }, (_, place) => ({ name: `m${place}`, sizeBytes: 1, loadMs: 1 }))
    // Model n is asked for n + 1 times in a row: one miss each.
    const trace = traceOf(
      ten.flatMap((_, place) => Array(place + 1).fill(place)),
      ten,
    )
    const result = replay(createPolicyFor('lru', trace), trace, { capacityBytes: 1 })
    expect(missPercentByDecile(trace, result)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((count) => 100 / count))
  })
})
