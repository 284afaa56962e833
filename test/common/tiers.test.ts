import { expect, test } from 'vitest'
import {
  byTier,
  fastestTier,
  fastestWith,
  freeBytesOf,
  isFaster,
  isLocalTier,
  localTiers,
  slowestTier,
  tiers,
  tierTable,
} from '../../common/tiers.ts'

test('the local tiers stand in the order of their speed', () => {
  expect([localTiers, fastestTier, slowestTier]).toEqual([['memory', 'disk'], 'memory', 'disk'])
  const speeds = tiers.map((tier) => tierTable[tier].bandwidthBytesPerS)
  expect(speeds).toEqual(speeds.toSorted((a, b) => b - a))
  expect([isFaster('memory', 'disk'), isFaster('disk', 'memory'), isFaster('disk', 'disk')]).toEqual([
    true,
    false,
    false,
  ])
})

test('a number on the wire belongs to one tier, for good', () => {
  expect(Object.fromEntries(tiers.map((tier) => [tier, tierTable[tier].wireNumber]))).toMatchObject({
    device: 0,
    memory: 1,
    disk: 2,
  })
  expect(new Set(tiers.map((tier) => tierTable[tier].wireNumber)).size).toBe(tiers.length)
})

test('a tier of another version, or no tier at all, is not one of this node', () => {
  const values = ['memory', 'disk', 'device', 'toString', 1, null]
  expect(values.map(isLocalTier)).toEqual([true, true, false, false, false, false])
})

test('what is asked per tier is asked once for each', () => {
  expect(byTier((tier) => tier.length)).toEqual({ memory: 6, disk: 4 })
  const cases = [
    { memory: 1, disk: 1 },
    { memory: 0, disk: 1 },
    { memory: 0, disk: 0 },
  ]
  expect(cases.map(fastestWith)).toEqual(['memory', 'disk', null])
})

test('nothing is free above a limit', () => {
  expect([freeBytesOf({ usedBytes: 3, limitBytes: 5 }), freeBytesOf({ usedBytes: 5, limitBytes: 3 })]).toEqual([2, 0])
})
