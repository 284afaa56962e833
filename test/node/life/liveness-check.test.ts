import { describe, expect, it } from 'vitest'
import { Joining, LivenessCheck } from '../../../node/life/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

describe('LivenessCheck', () => {
  it('is alive while the store answers', async () => {
    const vitals = new LivenessCheck({ store: { read: async () => null }, clock: new ManualClock() })
    expect(await vitals.check()).toEqual({ alive: true, reason: null })
  })

  it('says why not when the store fails or does not answer, and asks a store that hangs once', async () => {
    const clock = new ManualClock()
    let asked = 0
    const hanging = {
      read: () => {
        asked += 1
        return new Promise<null>(() => {})
      },
    }
    const vitals = new LivenessCheck({ store: hanging, clock }, { answerMs: 1_000 })
    const checks = [vitals.check(), vitals.check(), vitals.check()]
    clock.advance(1_000)
    const reason = 'the store has not answered for 1000 ms'
    expect(await Promise.all(checks)).toEqual(Array.from({ length: 3 }, () => ({ alive: false, reason })))
    expect(asked).toBe(1)
    const closed = new LivenessCheck({ store: { read: () => Promise.reject(new Error('it is closed')) }, clock })
    expect(await closed.check()).toEqual({ alive: false, reason: 'the store does not answer: it is closed' })
    expect(clock.timerCount).toBe(0)
  })
})

describe('Joining', () => {
  it.each([
    { id: 'nobody to look for', hasBootstrap: false, peers: 0, waitedMs: 0, done: true },
    { id: 'nobody found yet', hasBootstrap: true, peers: 0, waitedMs: 9_999, done: false },
    { id: 'a peer', hasBootstrap: true, peers: 1, waitedMs: 0, done: true },
    { id: 'alone for long enough', hasBootstrap: true, peers: 0, waitedMs: 10_000, done: true },
  ])('$id', ({ hasBootstrap, peers, waitedMs, done }) => {
    const clock = new ManualClock()
    const joining = new Joining({ peerCount: () => peers, clock }, { hasBootstrap, joinWaitMs: 10_000 })
    clock.advance(waitedMs)
    expect(joining.done).toBe(done)
  })

  it('stays done when the peers go again', () => {
    let peers = 1
    const joining = new Joining(
      { peerCount: () => peers, clock: new ManualClock() },
      { hasBootstrap: true, joinWaitMs: 10_000 },
    )
    expect(joining.done).toBe(true)
    peers = 0
    expect(joining.done).toBe(true)
  })
})
