import { expect, test } from 'vitest'
import { MuteWatch } from '../../../node/transfer/bulk/mute-watch.ts'
import { ManualClock } from '../../support/manual-clock.ts'

function watch() {
  const clock = new ManualClock()
  const told: number[] = []
  const peer = { bytes: 0 }
  const mute = new MuteWatch({ clock, movedBytes: () => peer.bytes, onSilent: (ms) => told.push(ms) }, 2_000)
  return { clock, told, peer, mute }
}

test('a peer that sends nothing is told of after the time, again after as long, and when bytes come again', () => {
  const { clock, told, peer, mute } = watch()
  mute.asked()
  clock.advance(1_999)
  expect(told).toEqual([])
  clock.advance(1)
  clock.advance(2_000)
  expect(told).toEqual([2_000, 4_000])
  peer.bytes += 1
  clock.advance(500)
  expect(told).toEqual([2_000, 4_000, 0])
})

test('a peer that moves bytes is never told of, however slowly', () => {
  const { clock, told, peer, mute } = watch()
  mute.asked()
  for (let times = 0; times < 60; times += 1) {
    clock.advance(1_000)
    peer.bytes += 1
  }
  expect(told).toEqual([])
})

test('an answer counts as sign of life, and nothing is looked at while nothing is asked', () => {
  const { clock, told, mute } = watch()
  mute.asked()
  mute.asked()
  clock.advance(1_500)
  mute.moved()
  mute.ended()
  clock.advance(1_500)
  expect(told).toEqual([])
  mute.ended()
  expect(clock.timerCount).toBe(0)
})
