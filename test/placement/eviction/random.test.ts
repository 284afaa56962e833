import { expect, test } from 'vitest'
import { createEvictionPolicy } from '../../../placement/index.ts'

function drawVictims(seed: number, count: number): string[] {
  const policy = createEvictionPolicy('random', { seed })
  for (let index = 0; index < 8; index++) policy.onInsert({ model: `m${index}`, sizeBytes: 1, missCostMs: 1 }, 0)
  return Array.from({ length: count }, () => {
    const { victims } = policy.planEviction({ neededBytes: 1, nowMs: 0, mayEvict: () => true })
    const { model } = victims[0]!
    policy.onRemove(model, 0, 'evicted')
    policy.onInsert({ model, sizeBytes: 1, missCostMs: 1 }, 0)
    return model
  })
}

test('draws every resident about equally often', () => {
  const counts = new Map<string, number>()
  for (const model of drawVictims(7, 8000)) counts.set(model, (counts.get(model) ?? 0) + 1)
  expect(counts.size).toBe(8)
  // 1000 expected, standard deviation 30.
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150)
})

test('the seed replays all of it, and another seed draws otherwise', () => {
  expect(drawVictims(3, 50)).toEqual(drawVictims(3, 50))
  expect(drawVictims(3, 50)).not.toEqual(drawVictims(4, 50))
})
