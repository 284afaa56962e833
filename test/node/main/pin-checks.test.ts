import { expect, it } from 'vitest'
import { PinChecks } from '../../../node/main/pin-checks.ts'

it('is pinned when anybody says so, and by nobody at first', () => {
  const pinned = new PinChecks()
  expect(pinned.isPinned('m', 'disk')).toBe(false)
  pinned.add((model) => model === 'm')
  pinned.add((_model, tier) => tier === 'memory')
  expect([pinned.isPinned('m', 'disk'), pinned.isPinned('x', 'memory'), pinned.isPinned('x', 'disk')]).toEqual([
    true,
    true,
    false,
  ])
})
