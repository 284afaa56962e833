import { describe, expect, it } from 'vitest'
import { pause, remaining, TimeLimit, withDeadline } from '../../common/deadline.ts'
import { ManualClock } from '../support/manual-clock.ts'

const within = (deadlineMs: number) => ({ tenant: 'public', deadlineMs })

describe('withDeadline', () => {
  it('passes on what the work comes to', async () => {
    const clock = new ManualClock()
    expect(await withDeadline(clock, Promise.resolve(1), within(1_000), 'work')).toBe(1)
    expect(await withDeadline(clock, Promise.resolve(1), within(Number.POSITIVE_INFINITY), 'work')).toBe(1)
    await expect(withDeadline(clock, Promise.reject(new Error('no')), within(1_000), 'work')).rejects.toThrow('no')
    expect(clock.timerCount).toBe(0)
  })

  it('ends the wait when the time is up, and nobody misses the failure that comes later', async () => {
    const work = Promise.withResolvers<void>()
    const clock = new ManualClock()
    const late = withDeadline(clock, work.promise, within(0.5), 'loading m')
    clock.advance(1)
    await expect(late).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('loading m'),
    })
    work.reject(new Error('too late for anyone'))
    await new Promise((resolve) => setImmediate(resolve))
  })
})

describe('pause', () => {
  it('ends when so much time has passed, and not before', async () => {
    const clock = new ManualClock()
    let isOver = false
    const over = pause(clock, 50).then(() => {
      isOver = true
    })
    clock.advance(49)
    await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    clock.advance(1)
    await over
  })

  it('ends with the reason of the signal, and leaves no timer', async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const pausing = pause(clock, 50, caller.signal)
    caller.abort(new Error('enough'))
    await expect(pausing).rejects.toThrow('enough')
    await expect(pause(clock, 50, caller.signal)).rejects.toThrow('enough')
    expect(clock.timerCount).toBe(0)
  })
})

describe('TimeLimit', () => {
  it('fires when the time is up, fractions included, and leaves no timer behind', () => {
    const clock = new ManualClock()
    const limit = new TimeLimit(clock, 0.3)
    clock.advance(1)
    expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' })
    new TimeLimit(clock, 1_000)[Symbol.dispose]()
    expect(clock.timerCount).toBe(0)
  })

  it.each([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 53])(
    'never fires after %d ms, which no timer can count',
    (limitMs) => {
      const clock = new ManualClock()
      expect([new TimeLimit(clock, limitMs).signal.aborted, clock.timerCount]).toEqual([false, 0])
    },
  )

  it('fires with the caller too', () => {
    const gone = new AbortController()
    const clock = new ManualClock()
    const limits = [60_000, Number.POSITIVE_INFINITY].map((ms) => new TimeLimit(clock, ms, gone.signal))
    gone.abort(new Error('gone'))
    expect(limits.map(({ signal }) => signal.aborted)).toEqual([true, true])
  })
})

describe('remaining', () => {
  it('counts down and ends', () => {
    expect(remaining(within(10), 4, 'Work')).toEqual(within(6))
    expect(remaining(within(Number.POSITIVE_INFINITY), 4, 'Work')).toEqual(within(Number.POSITIVE_INFINITY))
    expect(() => remaining(within(9.7), 10, 'Looking up m')).toThrow(
      expect.objectContaining({
        code: 'DEADLINE_EXCEEDED',
        message: 'Looking up m did not end within 10 ms; allow more time.',
        details: { deadlineMs: 10 },
      }),
    )
  })
})
