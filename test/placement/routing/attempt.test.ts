import { describe, expect, it } from 'vitest'
import { type AttemptView, lateAfterMs, nextOfAttempt } from '../../../placement/routing/attempt.ts'

const never = Number.POSITIVE_INFINITY
const usual = (meanMs: number, deviationMs: number) => ({ meanMs, deviationMs })

describe('a holder is late', () => {
  it.each([
    { id: 'after what it usually takes', expectedMs: 10, usual: usual(2_000, 100), limitMs: 30_000, lateMs: 2_400 },
    {
      id: 'not before a pause of a busy machine has passed',
      expectedMs: 1,
      usual: usual(2, 1),
      limitMs: 30_000,
      lateMs: 250,
    },
    { id: 'not before its known queue has', expectedMs: 900, usual: usual(20, 5), limitMs: 30_000, lateMs: 1_800 },
    { id: 'after a second when nothing was measured', expectedMs: 5, usual: null, limitMs: 30_000, lateMs: 1_000 },
    { id: 'at half of the deadline', expectedMs: 5, usual: null, limitMs: 300, lateMs: 150 },
    {
      id: 'not at half of the deadline when it is known to need more',
      expectedMs: 5,
      usual: usual(180, 5),
      limitMs: 300,
      lateMs: 185,
    },
  ])('$id', ({ lateMs, ...facts }) => {
    expect(lateAfterMs(facts)).toBe(lateMs)
  })
})

describe('a request that waits for a holder', () => {
  const view = (over: Partial<AttemptView>): AttemptView => ({
    elapsedMs: 250,
    lateMs: 250,
    leftMs: never,
    limitMs: 30_000,
    other: { expectedMs: 0 },
    isSuspected: false,
    isMute: true,
    mayAskTwice: true,
    ...over,
  })

  it.each<{ id: string; over: Partial<AttemptView>; step: ReturnType<typeof nextOfAttempt> }>([
    { id: 'waits until it is late', over: { elapsedMs: 100 }, step: { kind: 'wait', afterMs: 150 } },
    { id: 'asks another one then', over: {}, step: { kind: 'ask-another' } },
    {
      id: 'waits as long again as a dear way takes, before it pays for that',
      over: { other: { expectedMs: 60_000 } },
      step: { kind: 'wait', afterMs: 60_000 },
    },
    {
      id: 'takes it at the last moment at which it makes the deadline',
      over: { other: { expectedMs: 1_000 }, leftMs: 2_000 },
      step: { kind: 'wait', afterMs: 500 },
    },
    {
      id: 'takes it at once when that moment has passed, but it can still make it',
      over: { other: { expectedMs: 1_000 }, leftMs: 1_200 },
      step: { kind: 'ask-another' },
    },
    {
      id: 'stays when the other way cannot make the deadline',
      over: { other: { expectedMs: 1_000 }, leftMs: 900 },
      step: { kind: 'wait', afterMs: 250 },
    },
    {
      id: 'stays when there is none, suspected or not',
      over: { other: null, isSuspected: true },
      step: { kind: 'wait', afterMs: 250 },
    },
    { id: 'leaves a suspected holder at once', over: { elapsedMs: 1, isSuspected: true }, step: { kind: 'leave' } },
    { id: 'leaves a mute one when asking twice is used up', over: { mayAskTwice: false }, step: { kind: 'leave' } },
    {
      id: 'gives one that answers others its share then',
      over: { mayAskTwice: false, isMute: false, leftMs: 3_750 },
      step: { kind: 'wait', afterMs: 1_750 },
    },
    {
      id: 'and leaves it after that',
      over: { mayAskTwice: false, isMute: false, elapsedMs: 2_000, leftMs: 2_000 },
      step: { kind: 'leave' },
    },
  ])('$id', ({ over, step }) => {
    expect(nextOfAttempt(view(over))).toEqual(step)
  })
})
