/** What a round of replication reads of the own node. */
import { expect, it } from 'vitest'
import type { LocalTier } from '../../../common/index.ts'
import { localModels } from '../../../core/views/local-models.ts'

it('asks the eviction policy for an order when the plan needs one, once for each tier', () => {
  const asked: LocalTier[] = []
  const { rooms } = localModels({
    isDraining: false,
    originAllowed: true,
    tiers: { memory: { limitBytes: 10, usedBytes: 4 }, disk: { limitBytes: 20, usedBytes: 20 } },
    copies: [],
    arriving: [],
    evictionOrder: (tier) => {
      asked.push(tier)
      return ['x']
    },
    known: () => null,
    initMs: () => 0,
    diskMs: () => 0,
    soonRatePerS: () => null,
  })
  expect(rooms.map(({ tier, freeBytes }) => [tier, freeBytes])).toEqual([
    ['memory', 6],
    ['disk', 0],
  ])
  expect(asked).toEqual([])
  const disk = rooms.find(({ tier }) => tier === 'disk')!
  expect([disk.order, disk.order]).toEqual([['x'], ['x']])
  expect(asked).toEqual(['disk'])
})
