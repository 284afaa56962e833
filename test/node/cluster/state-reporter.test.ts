import { describe, expect, it } from 'vitest'
import { nextEpoch } from '../../../node/cluster/next-epoch.ts'
import { StateReporter } from '../../../node/cluster/state-reporter.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'
import { DriverFixture } from './driver-fixture.ts'

describe('StateReporter', () => {
  it('tells at the start, then in its period, then that it drains', () => {
    const { core, driver, clock } = new DriverFixture()
    let queueMs = 1.4
    let isDraining = false
    const sources = {
      zone: 'berlin',
      name: 'box1',
      startedMs: 1_700_000_000_000,
      addresses: () => ['/ip4/127.0.0.1/tcp/1'],
      bulkAddress: () => '127.0.0.1:2',
      httpUrl: () => 'http://127.0.0.1:3',
      queueMs: () => queueMs,
      tiers: () => ({ memory: { usedBytes: 1, limitBytes: 2 }, disk: { usedBytes: 4, limitBytes: 3 } }),
      isDraining: () => isDraining,
    }
    const teller = new StateReporter(sources, driver, { periodMs: 500 })
    const told = () => core.members(clock.nowMs()).find(({ isSelf }) => isSelf)!.state
    teller.start(clock)
    const tiers = { memory: { freeBytes: 1, limitBytes: 2 }, disk: { freeBytes: 0, limitBytes: 3 } }
    expect(told()).toMatchObject({
      zone: 'berlin',
      name: 'box1',
      startedMs: 1_700_000_000_000,
      queueMs: 1,
      tiers,
      draining: false,
    })
    queueMs = 250
    clock.advance(500)
    expect(told()).toMatchObject({ queueMs: 250 })
    isDraining = true
    teller.report()
    expect(told()!.draining).toBe(true)
    teller.stop()
    expect(clock.timerCount).toBe(0)
  })
})

describe('nextEpoch', () => {
  const clock = new ManualClock()
  const wallS = Math.floor(clock.wallMs() / 1000)

  it.each([
    { id: 'the wall clock at first', stored: undefined, expected: wallS },
    { id: 'above the last when the clock was set back', stored: wallS + 1_000, expected: wallS + 1_001 },
    { id: 'the wall clock when the record is damaged', stored: 'seven', expected: wallS },
    { id: 'the wall clock when the record is no whole number', stored: 1.5, expected: wallS },
  ])('is $id', async ({ stored, expected }) => {
    const state = new MemoryState()
    if (stored !== undefined) await state.put('node/epoch', stored)
    expect(await nextEpoch(state, clock)).toBe(expected)
    expect(await nextEpoch(state, clock)).toBe(expected + 1)
  })
})
