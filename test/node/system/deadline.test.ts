import { describe, expect, it } from 'vitest'
import { deadlineSignal, remaining, withDeadline } from '../../../node/system/deadline.ts'

const never = new Promise<never>(() => {})
const within = (deadlineMs: number) => ({ tenant: 'public', deadlineMs })

describe('withDeadline', () => {
  it('passes on what the work comes to', async () => {
    expect(await withDeadline(Promise.resolve(1), within(1_000), 'work')).toBe(1)
    expect(await withDeadline(Promise.resolve(1), within(Number.POSITIVE_INFINITY), 'work')).toBe(1)
    await expect(withDeadline(Promise.reject(new Error('no')), within(1_000), 'work')).rejects.toThrow('no')
  })

  it('ends the wait when the time is up, and nobody misses the failure that comes later', async () => {
    const work = Promise.withResolvers<void>()
    const late = withDeadline(work.promise, within(0.5), 'loading m')
    await expect(late).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('loading m'),
    })
    work.reject(new Error('too late for anyone'))
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('ends the wait with the reason of the signal, also of one that had fired before', async () => {
    const gone = new AbortController()
    const waiting = withDeadline(never, within(Number.POSITIVE_INFINITY), 'work', gone.signal)
    gone.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    await expect(withDeadline(never, within(1_000), 'work', gone.signal)).rejects.toThrow('gone')
  })
})

describe('deadlineSignal', () => {
  it('takes fractions and what no timer can count', async () => {
    const signal = deadlineSignal(0.3)!
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
    expect([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 53].map((ms) => deadlineSignal(ms))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('fires with the caller too', () => {
    const gone = new AbortController()
    const signals = [deadlineSignal(60_000, gone.signal)!, deadlineSignal(Number.POSITIVE_INFINITY, gone.signal)!]
    gone.abort(new Error('gone'))
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })
})

describe('remaining', () => {
  it('counts down and ends', () => {
    expect(remaining(within(10), 4)).toEqual(within(6))
    expect(remaining(within(Number.POSITIVE_INFINITY), 4)).toEqual(within(Number.POSITIVE_INFINITY))
    expect(() => remaining(within(10), 10)).toThrow(expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }))
  })
})
