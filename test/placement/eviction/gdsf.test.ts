import { expect, test } from 'vitest'
import { createEvictionPolicy, type EvictionPolicy } from '../../../placement/index.ts'

const victimOf = (policy: EvictionPolicy) =>
  policy.planEviction({ neededBytes: 1, nowMs: 0, mayEvict: () => true }).victims[0]?.model

const policyWith = (models: Record<string, { sizeBytes: number; missCostMs: number }>) => {
  const policy = createEvictionPolicy('gdsf')
  for (const [model, item] of Object.entries(models)) policy.onInsert({ model, ...item }, 0)
  return policy
}
const equal = { sizeBytes: 100, missCostMs: 100 }

test.each([
  {
    id: 'the larger of two that cost the same',
    models: { small: equal, large: { ...equal, sizeBytes: 200 } },
    victim: 'large',
  },
  {
    id: 'the cheaper of two of one size',
    models: { dear: equal, cheap: { ...equal, missCostMs: 50 } },
    victim: 'cheap',
  },
  { id: 'the one requested longer ago among equals', models: { first: equal, second: equal }, victim: 'first' },
])('evicts $id', ({ models, victim }) => {
  expect(victimOf(policyWith(models))).toBe(victim)
})

test('decides between equals by the last request, not by the insert', () => {
  const policy = policyWith({ a: equal, b: equal })
  policy.onRequest('b', 0)
  policy.onRequest('a', 0)
  expect(victimOf(policy)).toBe('b')
})

test('evicts the less frequent one, and a once frequent one in the end', () => {
  const policy = policyWith({ hot: equal, cold: equal })
  for (let round = 0; round < 3; round++) policy.onRequest('hot', 0)
  const victims: (string | undefined)[] = []
  for (let round = 0; round < 6; round++) {
    const victim = victimOf(policy)!
    victims.push(victim)
    policy.onRemove(victim, 0)
    policy.onInsert({ model: `new${round}`, ...equal }, 0)
  }
  // Each victim raises L by one; hot stands at 4.
  expect(victims).toEqual(['cold', 'new0', 'new1', 'hot', 'new2', 'new3'])
})

test('shows the parts of a score', () => {
  const policy = policyWith({ a: equal, b: { sizeBytes: 10, missCostMs: 100 } })
  policy.onRemove('a', 0, 'evicted')
  policy.onRequest('b', 0)
  expect(policy.score('b', 0)).toEqual({
    score: 21,
    parts: { inflation: 1, frequency: 2, missCostMs: 100, sizeBytes: 10 },
  })
})

test('does not age by what an operator unloads, nor by what is beyond price', () => {
  const policy = policyWith({ a: equal, b: { ...equal, missCostMs: Number.POSITIVE_INFINITY } })
  policy.onRemove('a', 0, 'dropped')
  policy.onRemove('b', 0, 'evicted')
  policy.onInsert({ model: 'c', ...equal }, 0)
  expect(policy.score('c', 0)?.parts).toMatchObject({ inflation: 0 })
})

test('refuses a cost that is no number', () => {
  expect(() => policyWith({ a: { sizeBytes: 1, missCostMs: Number.NaN } })).toThrow('a miss costs')
  expect(() => policyWith({ a: equal }).updateCost('a', -1)).toThrow('a miss costs')
})
