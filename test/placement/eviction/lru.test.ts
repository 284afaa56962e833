import { expect, test } from 'vitest'
import { createEvictionPolicy } from '../../../placement/index.ts'

test('evicts in the order of the last requests, passing over what is in use', () => {
  const policy = createEvictionPolicy('lru')
  for (const model of ['a', 'b', 'c', 'd']) policy.onInsert({ model, sizeBytes: 10, missCostMs: 1 }, 1000)
  policy.onRequest('a', 2000)
  policy.onRequest('d', 2500)
  expect(policy.planEviction({ neededBytes: 25, nowMs: 3000, mayEvict: (model) => model !== 'c' })).toEqual({
    victims: [
      { model: 'b', sizeBytes: 10, score: -2000, reason: 'least-recent' },
      { model: 'a', sizeBytes: 10, score: -1000, reason: 'least-recent' },
      { model: 'd', sizeBytes: 10, score: -500, reason: 'least-recent' },
    ],
    freedBytes: 30,
    enough: true,
  })
  expect(policy.score('a', 3000)).toEqual({ score: -1000, parts: { idleMs: 1000, sizeBytes: 10 } })
})
