/** Work of owners that fail over and over comes in turns. */
import { describe, expect, it } from 'vitest'
import { FailureTurns } from '../../../node/shares/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function turns() {
  const clock = new ManualClock()
  return { clock, turns: new FailureTurns(clock, { freeFailures: 1, perSecond: 1, knownPerSecond: 1 }) }
}
const fails = async (): Promise<never> => {
  throw new Error('not there')
}

describe('work', () => {
  it('of an owner that has not failed is done at once, and its errors are passed on', async () => {
    const { turns: fair } = turns()
    expect(await fair.take('a', 1_000, async () => 7)).toBe(7)
    await expect(fair.take('a', 1_000, fails)).rejects.toThrow('not there')
  })

  it('of one that has waits for its turn, and does not begin when that comes too late', async () => {
    const { clock, turns: fair } = turns()
    await expect(fair.take('a', 1_000, fails)).rejects.toThrow()
    let begun = 0
    const work = async () => {
      begun += 1
      return begun
    }
    expect(await fair.take('a', 1_000, work)).toBe(null)
    const waiting = fair.take('a', 1_001, work)
    expect(await fair.take('b', 1, async () => 'at once')).toBe('at once')
    expect(begun).toBe(0)
    clock.advance(1_000)
    expect(await waiting).toBe(1)
  })

  it('that would wait for ten seconds is not begun, whatever time it has', async () => {
    const { turns: fair } = turns()
    await expect(fair.take('a', Number.POSITIVE_INFINITY, fails)).rejects.toThrow()
    const waiting = Array.from({ length: 12 }, () => fair.take('a', Number.POSITIVE_INFINITY, async () => 1))
    expect(await Promise.race(waiting)).toBe(null)
  })
})
