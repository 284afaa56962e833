/** Loaded sessions are bounded in number and memory; one ends for another, its bytes stay, and it comes back when it is asked for. */
import { expect, it } from 'vitest'
import { SessionRoom } from '../../../core/models/session-room.ts'
import { MachineFixture, specOf } from './machine-fixture.ts'

it('asks nothing of the loaded sessions while all of them fit, those that end included', () => {
  const limits = { sessionsMax: 2, privateBytesMax: 10 }
  const asked: string[] = []
  const sessions = new SessionRoom({
    limits: () => limits,
    ratePerS: (model) => {
      asked.push(model)
      return 1
    },
    mayEnd: () => true,
    isEnding: () => false,
  })
  for (const [at, model] of ['a', 'b'].entries()) {
    expect(sessions.planNext(at)).toEqual({ victims: [], fits: true, mustWait: false })
    sessions.begin(model, at)
    sessions.loaded(model, 5, at)
    expect(sessions.planExcess(at)).toEqual({ victims: [], fits: true })
  }
  expect(asked).toEqual([])
  expect(sessions.planNext(2)).toMatchObject({ fits: true, mustWait: true })
  expect(asked).not.toEqual([])
})

const tiers = { memory: 100, disk: 100 }
const two = { sessionsMax: 2, privateBytesMax: 100 }
const [a, b, c] = [specOf('a', ['a3']), specOf('b', ['b3']), specOf('c', ['c3'])]

it('ends the session that is worth least for a third, leaves its bytes in memory, and loads it again when asked', () => {
  const fixture = new MachineFixture(tiers, two)
  for (const model of [a, b]) fixture.bring(model, 'ready')
  const want = fixture.want(c, 'ready')
  fixture.drain()
  expect(fixture.ended.get(want)).toBe('peer')
  expect(['a', 'b', 'c'].filter((model) => fixture.machine.isReady(model))).toEqual(['b', 'c'])
  expect(fixture.machine.residency().map(({ model, tier }) => `${model} ${tier}`)).toEqual([
    'a memory',
    'b memory',
    'c memory',
  ])
  const derived = fixture.log.filter((line) => line === 'derive a').length
  fixture.bring(a, 'ready')
  expect(fixture.machine.isReady('a')).toBe(true)
  expect(fixture.log.filter((line) => line === 'derive a')).toHaveLength(derived)
  fixture.machine.checkInvariants()
})

it('refuses with MEMORY_FULL while all loaded models are in use, and says when one is not', () => {
  const fixture = new MachineFixture(tiers, two)
  for (const model of [a, b]) fixture.bring(model, 'ready')
  fixture.hold('a')
  fixture.hold('b')
  const want = fixture.want(c, 'ready')
  fixture.drain()
  expect(fixture.ended.get(want)).toMatchObject({ code: 'MEMORY_FULL' })
  const before = fixture.log.filter((line) => line === 'room-freed').length
  fixture.unhold('a')
  expect(fixture.log.filter((line) => line === 'room-freed').length).toBeGreaterThan(before)
  fixture.bring(c, 'ready')
  expect(fixture.machine.isReady('c')).toBe(true)
})

it('ends what is beyond the private memory once a load has shown how much that is', () => {
  const fixture = new MachineFixture(tiers, { sessionsMax: 9, privateBytesMax: 10 })
  fixture.privateBytes = 6
  for (const model of [a, b]) fixture.bring(model, 'ready')
  fixture.drain()
  expect(['a', 'b'].filter((model) => fixture.machine.isReady(model))).toEqual(['b'])
})

it('waits for a session that is ending instead of ending one more', () => {
  const fixture = new MachineFixture(tiers, two)
  for (const model of [a, b]) fixture.bring(model, 'ready')
  fixture.want(c, 'ready')
  for (const name of ['fetch c', 'derive c', 'promote c']) fixture.end(name)
  // Anything that ends has the waiting look again.
  fixture.bring(specOf('d', ['d3']), 'disk')
  expect(fixture.machine.isReady('b')).toBe(true)
  fixture.drain()
  expect(fixture.machine.isReady('c')).toBe(true)
})
