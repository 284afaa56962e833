import { expect, test } from 'vitest'
import { CallActivity } from '../../../node/net/call-activity.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function fixture() {
  const clock = new ManualClock()
  return { clock, activity: new CallActivity(clock) }
}

test('a connection is idle from its beginning, and again from the end of its last call', () => {
  const { clock, activity } = fixture()
  activity.connected('a')
  clock.advance(100)
  expect(activity.idleMs('a')).toBe(100)
  const [endFirst, endSecond] = [activity.begin('a'), activity.begin('a')]
  clock.advance(100)
  endFirst()
  expect(activity.idleMs('a')).toBe(0)
  endSecond()
  clock.advance(30)
  expect(activity.idleMs('a')).toBe(30)
})

test('a call that is no use of the connection leaves it as idle as it was', () => {
  const { clock, activity } = fixture()
  activity.connected('a')
  clock.advance(100)
  const end = activity.begin('a')
  clock.advance(10)
  expect(activity.idleMs('a')).toBe(0)
  end(false)
  expect(activity.idleMs('a')).toBe(110)
})

test('a connection that is gone is forgotten, also when a call ends only then', () => {
  const { clock, activity } = fixture()
  activity.connected('a')
  const end = activity.begin('a')
  activity.disconnected('a')
  clock.advance(100)
  end()
  expect(activity.idleMs('a')).toBe(0)
  activity.connected('a')
  clock.advance(5)
  expect(activity.idleMs('a')).toBe(5)
})

test('of a node that was never connected nothing is kept', () => {
  const { clock, activity } = fixture()
  activity.begin('a')()
  clock.advance(100)
  expect(activity.idleMs('a')).toBe(0)
})
