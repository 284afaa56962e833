import { describe, expect, it } from 'vitest'
import { toBlobId } from '../../../common/types.ts'
import type { Failure } from '../../../core/failure.ts'
import { MachineFixture, specOf } from './machine-fixture.ts'

const failed: Failure = { code: 'NO_SOURCE', message: 'nobody has it' }
const lost: Failure = { code: 'DISK_FAILED', message: 'the file is cut short' }
const [a, b, c] = [specOf('a', ['a3']), specOf('b', ['b3']), specOf('c', ['c3'])]

describe('a model that is wanted', () => {
  it('comes to be ready step by step, and the cluster hears of it', () => {
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    const want = fixture.want(a, 'ready')
    for (const name of ['fetch a', 'derive a', 'promote a', 'load a']) {
      expect(fixture.ended.size).toBe(0)
      fixture.end(name)
    }
    expect(fixture.ended.get(want)).toBe('peer')
    const steps = ['fetch a', 'derive a', 'a disk', 'keep-form a', 'promote a', 'load a', 'a memory']
    expect(fixture.log.filter((line) => line !== 'room-freed')).toEqual(steps)
    expect(fixture.bring(a, 'ready')).toBe('memory')
  })

  it('is worked on once for all who want the same, and goes on when it is wanted otherwise too', () => {
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    const wants = [
      fixture.want(a, 'ready'),
      fixture.want(a, 'ready'),
      fixture.want(a, 'disk'),
      fixture.want(a, 'memory'),
    ]
    fixture.drain()
    expect(fixture.log.filter((line) => line === 'fetch a')).toHaveLength(1)
    expect(wants.map((want) => fixture.ended.get(want))).toEqual(['peer', 'peer', 'peer', 'peer'])
  })

  it('fails for all who waited for the fetch, and is fetched anew for the next', () => {
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    const wants = [fixture.want(a, 'ready'), fixture.want(a, 'disk')]
    fixture.end('fetch a', failed)
    expect(wants.map((want) => fixture.ended.get(want))).toEqual([failed, failed])
    expect(fixture.machine.table.get('a'), 'nothing of it is here').toBe(null)
    expect(fixture.bring(a, 'disk')).toBe('peer')
  })

  it('waits for a blob that is on its way for another model, and takes it from there', () => {
    const [one, other] = [specOf('one', ['s2', 'a1']), specOf('other', ['s2', 'b1'])]
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    const wants = [fixture.want(one, 'disk'), fixture.want(other, 'disk')]
    expect(fixture.works.map(({ name }) => name)).toEqual(['fetch one'])
    fixture.end('fetch one')
    expect(fixture.store.tiers.disk.usedBytes).toBe(4)
    fixture.drain()
    expect(wants.map((want) => fixture.ended.get(want))).toEqual(['peer', 'peer'])
  })

  it('waits while what is under way will fill the disk with its form, or none would have room for its own', () => {
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    const wants = [fixture.want(a, 'ready'), fixture.want(b, 'ready'), fixture.want(c, 'disk')]
    // Of a six bytes, of c three: with the six of b the disk would be too small.
    expect(fixture.works.map(({ name }) => name)).toEqual(['fetch a', 'fetch c'])
    fixture.drain()
    expect(wants.map((want) => fixture.ended.get(want))).toEqual(['peer', 'peer', 'peer'])
    for (const name of ['fetch a', 'fetch b']) expect(fixture.log.filter((line) => line === name)).toHaveLength(1)
  })

  it('is brought once more when the disk has lost it, and only once', () => {
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    fixture.bring(a, 'disk')
    const want = fixture.want(a, 'memory')
    fixture.store.drop(toBlobId('a3'), 'disk')
    fixture.end('promote a', lost)
    expect(fixture.log).toContain('brought-again a')
    fixture.end('fetch a', lost)
    expect(fixture.ended.get(want)).toBe(lost)
  })

  it('says TOO_LARGE for what can never fit, before anything leaves', () => {
    const fixture = new MachineFixture({ memory: 4, disk: 4 })
    fixture.bring(a, 'memory')
    expect(fixture.bring(specOf('large', ['l5']), 'memory')).toMatchObject({ code: 'TOO_LARGE' })
    expect(fixture.bring(specOf('large', ['l5']), 'ready')).toMatchObject({ code: 'TOO_LARGE' })
    expect(fixture.isIn(a, 'memory')).toBe(true)
  })

  it('runs from its files in memory where nothing is derived', () => {
    const fixture = new MachineFixture({ memory: 4, disk: 0 })
    expect(fixture.bring({ ...a, runs: 'files' }, 'ready')).toBe('peer')
    expect(fixture.log).not.toContain('derive a')
    expect([fixture.machine.isReady('a'), fixture.isIn(a, 'disk')]).toEqual([true, false])
  })
})

describe('what makes room', () => {
  it('goes when it is idle, least recently wanted first, once its session has ended', () => {
    const fixture = new MachineFixture({ memory: 7, disk: 20 })
    for (const spec of [a, b]) fixture.bring(spec, 'memory')
    fixture.want(c, 'memory')
    expect(fixture.works.map(({ name }) => name)).toEqual(['unload a'])
    fixture.drain()
    expect([a, b, c].map((spec) => fixture.isIn(spec, 'memory'))).toEqual([false, true, true])
    expect(fixture.log).toContain('evicted a')
  })

  it.each(['hold', 'lease', 'queued work', 'work under way'])('never goes with %s', (use) => {
    const fixture = new MachineFixture({ memory: 5, disk: 20 })
    fixture.bring(a, 'memory')
    if (use === 'hold') fixture.hold('a')
    if (use === 'lease') fixture.leased.add('a')
    if (use === 'queued work') fixture.queued.add('a')
    if (use === 'work under way') fixture.want(a, 'ready')
    const want = fixture.want(b, 'memory')
    expect(fixture.ended.get(want)).toMatchObject({ code: 'MEMORY_FULL' })
    fixture.release('a', 'memory')
    expect(fixture.released).toEqual([false])
    expect(fixture.isIn(a, 'memory')).toBe(true)
  })

  it('lets a want for a model that goes wait until it has gone', () => {
    const fixture = new MachineFixture({ memory: 5, disk: 20 })
    fixture.bring(a, 'memory')
    fixture.release('a', 'memory')
    const want = fixture.want(a, 'memory')
    fixture.end('unload a')
    expect(fixture.released).toEqual([true])
    fixture.end('promote a')
    expect(fixture.ended.get(want)).toBe('disk')
  })

  it('stays when its session cannot be ended, and something else goes', () => {
    const fixture = new MachineFixture({ memory: 7, disk: 20 })
    for (const spec of [a, b]) fixture.bring(spec, 'memory')
    const want = fixture.want(c, 'memory')
    fixture.end('unload a', failed)
    expect(fixture.log).toContain('eviction-failed a')
    fixture.drain()
    expect(fixture.ended.get(want)).toBe('peer')
    expect(fixture.isIn(a, 'memory')).toBe(true)
  })

  it('leaves what another model of the tier has too', () => {
    const [one, other] = [specOf('one', ['s2', 'a1']), specOf('other', ['s2', 'b1'])]
    const fixture = new MachineFixture({ memory: 10, disk: 10 })
    for (const spec of [one, other]) fixture.bring(spec, 'memory')
    fixture.release('one', 'memory')
    fixture.drain()
    expect([fixture.isIn(one, 'memory'), fixture.isIn(other, 'memory')]).toEqual([false, true])
    fixture.release('other', 'memory')
    fixture.drain()
    expect(fixture.store.tiers.memory.usedBytes).toBe(0)
  })
})

describe('a sign of room', () => {
  const freed = (fixture: MachineFixture) => fixture.log.filter((line) => line === 'room-freed').length

  it('comes when what was in the way of a refused want is used no more, and not for others', () => {
    const fixture = new MachineFixture({ memory: 7, disk: 20 })
    fixture.bring(a, 'memory')
    fixture.hold('a')
    fixture.hold('b')
    const before = freed(fixture)
    expect(fixture.bring(specOf('l', ['l6']), 'memory')).toMatchObject({ code: 'MEMORY_FULL' })
    fixture.unhold('b')
    expect(freed(fixture)).toBe(before)
    fixture.unhold('a')
    expect(freed(fixture)).toBe(before + 1)
  })

  it('is not given by a want that was refused, or two that wait would wake each other for ever', () => {
    const fixture = new MachineFixture({ memory: 3, disk: 20 })
    fixture.bring(a, 'memory')
    for (const spec of [b, c]) fixture.bring(spec, 'disk')
    fixture.queued.add('a')
    const before = freed(fixture)
    for (const spec of [b, c, b, c]) expect(fixture.bring(spec, 'memory')).toMatchObject({ code: 'MEMORY_FULL' })
    expect(freed(fixture)).toBe(before)
    fixture.useEnded()
    expect(freed(fixture)).toBe(before + 1)
  })

  it('comes when a fetch fails that had taken room', () => {
    const fixture = new MachineFixture({ memory: 4, disk: 20 })
    fixture.want(a, 'memory')
    expect(fixture.ended.get(fixture.want(b, 'memory'))).toMatchObject({ code: 'MEMORY_FULL' })
    fixture.end('fetch a', failed)
    expect(freed(fixture)).toBe(1)
  })
})
