import { expect, test } from 'vitest'
import { type LoadedSession, planSessionEvictions } from '../../../placement/index.ts'

const session = (model: string, over: Partial<LoadedSession> = {}): LoadedSession => ({
  model,
  ratePerS: 1,
  loadMs: 10,
  privateBytes: 1e6,
  mayEnd: true,
  ...over,
})
const victims = (plan: ReturnType<typeof planSessionEvictions>): string[] => plan.victims.map(({ model }) => model)

test.each([
  { id: 'what is asked for seldom', other: { ratePerS: 0.1 } },
  { id: 'what is soon loaded again', other: { loadMs: 1 } },
  { id: 'what takes much memory', other: { privateBytes: 5e6 } },
])('$id ends before what was used longest ago', ({ other }) => {
  const limits = { sessionsMax: 2, privateBytesMax: 1e9 }
  expect(victims(planSessionEvictions([session('oldest'), session('other', other)], limits, 1))).toEqual(['other'])
})

test('nothing ends while there is room, and only as many as are needed', () => {
  const loaded = ['a', 'b', 'c', 'd'].map((model) => session(model))
  expect(planSessionEvictions(loaded, { sessionsMax: 5, privateBytesMax: 1e9 }, 1)).toEqual({ victims: [], fits: true })
  expect(victims(planSessionEvictions(loaded, { sessionsMax: 3, privateBytesMax: 1e9 }, 1))).toEqual(['a', 'b'])
  expect(victims(planSessionEvictions(loaded, { sessionsMax: 9, privateBytesMax: 2.5e6 }, 0))).toEqual(['a', 'b'])
})

test('what is in use stays, and nothing ends in vain', () => {
  const loaded = [session('used', { mayEnd: false }), session('free')]
  expect(planSessionEvictions(loaded, { sessionsMax: 1, privateBytesMax: 1e9 }, 1)).toEqual({
    victims: [],
    fits: false,
  })
})

test('one that is larger than the limit may be alone', () => {
  const limits = { sessionsMax: 9, privateBytesMax: 1e6 }
  expect(planSessionEvictions([session('huge', { privateBytes: 1e9 })], limits, 0)).toEqual({ victims: [], fits: true })
  expect(planSessionEvictions([], limits, 1).fits).toBe(true)
})
