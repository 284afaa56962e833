import { expect, it } from 'vitest'
import { SilenceTimer } from '../../../../node/transfer/bulk/silence-timer.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

function started(limitMs: number) {
  const clock = new ManualClock()
  const silentMs: number[] = []
  const startMs = clock.nowMs()
  const silence = new SilenceTimer(clock, () => silentMs.push(clock.nowMs() - startMs))
  silence.allow(limitMs)
  return { clock, silence, silentMs }
}

it('tells once, when nothing has moved for as long as is allowed', () => {
  const { clock, silentMs } = started(100)
  clock.advance(1_000)
  expect(silentMs).toEqual([100])
})

it('counts from the last byte, with one timer', () => {
  const { clock, silence, silentMs } = started(100)
  for (let at = 0; at < 5; at += 1) {
    clock.advance(60)
    silence.moved()
    expect(clock.timerCount).toBe(1)
  }
  clock.advance(99)
  expect(silentMs).toEqual([])
  clock.advance(1)
  expect(silentMs).toEqual([400])
})

it('takes another limit, shorter or longer, from the moment when it is allowed', () => {
  const { clock, silence, silentMs } = started(1_000)
  clock.advance(500)
  silence.allow(50)
  clock.advance(50)
  silence.allow(200)
  clock.advance(200)
  expect(silentMs).toEqual([550, 750])
})

it('tells nothing after the end of the connection', () => {
  const { clock, silence, silentMs } = started(100)
  silence.stop()
  clock.advance(1_000)
  expect([silentMs, clock.timerCount]).toEqual([[], 0])
})
