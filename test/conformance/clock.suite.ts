/** What every Clock must do. `pass` lets at least so much time pass, and all timers fire that are due by then. */
import { expect, test } from 'vitest'
import type { Clock } from '../../common/clock.ts'

export interface ClockFixture {
  readonly clock: Clock
  pass(elapsedMs: number): Promise<void>
}

export function testClock(name: string, { clock, pass }: ClockFixture): void {
  const record = () => {
    const fired: string[] = []
    return { fired, note: (what: string) => () => void fired.push(what) }
  }

  test(`${name}: both times go on and never back`, async () => {
    const before = [clock.nowMs(), clock.wallMs()] as const
    await pass(20)
    expect(clock.nowMs()).toBeGreaterThan(before[0])
    expect(clock.wallMs()).toBeGreaterThan(before[1])
  })

  test(`${name}: a timer fires once, and never within the call that sets it`, async () => {
    const { fired, note } = record()
    clock.after(1, note('one'))
    clock.after(0, note('zero'))
    expect(fired).toEqual([])
    await pass(3)
    await pass(3)
    expect(fired.sort()).toEqual(['one', 'zero'])
  })

  test(`${name}: timers fire in the order of their times`, async () => {
    const { fired, note } = record()
    clock.after(9, note('late'))
    clock.after(2, note('early'))
    await pass(12)
    expect(fired).toEqual(['early', 'late'])
  })

  test(`${name}: a timer that was cancelled does not fire; to cancel it twice, or late, is no error`, async () => {
    const { fired, note } = record()
    const cancel = clock.after(2, note('cancelled'))
    const forget = clock.after(1, note('fired'))
    cancel()
    cancel()
    await pass(4)
    forget()
    expect(fired).toEqual(['fired'])
  })

  test(`${name}: what is to happen again and again does, until it is stopped, also from within`, async () => {
    const { fired, note } = record()
    const stop = clock.every(1, () => {
      note('tick')()
      if (fired.length === 3) stop()
    })
    while (fired.length < 3) await pass(1)
    await pass(5)
    expect(fired).toEqual(['tick', 'tick', 'tick'])
  })

  test(`${name}: a timer may set another, which comes after it`, async () => {
    const { fired, note } = record()
    clock.after(1, () => {
      note('first')()
      clock.after(1, note('second'))
    })
    while (fired.length < 2) await pass(2)
    expect(fired).toEqual(['first', 'second'])
  })
}
