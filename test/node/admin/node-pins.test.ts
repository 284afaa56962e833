import { beforeEach, describe, expect, it } from 'vitest'
import { NodePins } from '../../../node/admin/node-pins.ts'
import { silentLog } from '../../../node/system/log.ts'
import { parseModelReference } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'
import { digestOf, FakeCache, FakeDirectory, settle } from './fixture.ts'

let directory: FakeDirectory
let cache: FakeCache
let state: MemoryState
let clock: ManualClock
beforeEach(() => {
  directory = new FakeDirectory()
  directory.tags.set('acme/x:v1', digestOf('a'))
  cache = new FakeCache()
  state = new MemoryState()
  clock = new ManualClock()
})

const board = (options = {}) => new NodePins({ directory, cache, state, clock, log: silentLog }, options)
const x = parseModelReference('acme/x:v1')

describe('a pin', () => {
  it('brings the model, protects it from then on, and is kept', async () => {
    const pins = board()
    expect(await pins.pin(x, 'memory')).toMatchObject({ name: 'acme/x:v1', model: digestOf('a'), state: 'bringing' })
    await settle()
    expect(pins.list()).toEqual([
      { name: 'acme/x:v1', tier: 'memory', model: digestOf('a'), state: 'held', error: null },
    ])
    expect([pins.isPinned(digestOf('a'), 'memory'), pins.isPinned(digestOf('b'), 'memory')]).toEqual([true, false])
    expect([...state.records]).toEqual([['pin/acme/x:v1', { tier: 'memory', model: digestOf('a') }]])
  })

  it('to the disk protects nothing in memory', async () => {
    const pins = board()
    await pins.pin(x, 'disk')
    expect([pins.isPinned(digestOf('a'), 'memory'), pins.isPinned(digestOf('a'), 'disk')]).toEqual([false, true])
  })

  it('counts after a restart before anything is looked up, and brings what is missing', async () => {
    await board().pin(x, 'memory')
    await settle()
    cache.held.clear()
    const again = board()
    await again.load()
    expect(again.isPinned(digestOf('a'), 'memory')).toBe(true)
    expect(again.list()).toMatchObject([{ state: 'missing' }])
    again.start()
    await settle()
    expect(cache.brought).toEqual(['a memory', 'a memory'])
    again.stop()
  })

  it('follows its tag, and protects the old revision until the new one is here', async () => {
    const pins = board()
    pins.start()
    await pins.pin(x, 'memory')
    await settle()
    directory.tags.set('acme/x:v1', digestOf('b'))
    const gate = Promise.withResolvers<void>()
    cache.gate = gate.promise
    clock.advance(15_000)
    await settle()
    expect([pins.isPinned(digestOf('a'), 'memory'), pins.isPinned(digestOf('b'), 'memory')]).toEqual([true, false])
    gate.resolve()
    await settle()
    expect([pins.isPinned(digestOf('a'), 'memory'), pins.isPinned(digestOf('b'), 'memory')]).toEqual([false, true])
    expect([...state.records.values()]).toEqual([{ tier: 'memory', model: digestOf('b') }])
  })

  it('that cannot be brought says why, and is tried again', async () => {
    const pins = board()
    pins.start()
    cache.gate = Promise.reject(new Error('no room'))
    await pins.pin(x, 'memory')
    await settle()
    expect(pins.list()).toMatchObject([{ state: 'missing', error: 'no room' }])
    cache.gate = Promise.resolve()
    clock.advance(15_000)
    await settle()
    expect(pins.list()).toMatchObject([{ state: 'held', error: null }])
  })

  it('that is taken back protects nothing, also when its fetch ends afterwards', async () => {
    const pins = board()
    const gate = Promise.withResolvers<void>()
    cache.gate = gate.promise
    await pins.pin(x, 'memory')
    expect(await pins.unpin(x)).toBe(true)
    expect(await pins.unpin(x)).toBe(false)
    gate.resolve()
    await settle()
    expect(pins.isPinned(digestOf('a'), 'memory')).toBe(false)
    expect([...state.records]).toEqual([])
  })

  it('of a name that nobody knows is refused, and so is one too many', async () => {
    const pins = board({ pinsMax: 1 })
    await expect(pins.pin(parseModelReference('acme/absent'), 'memory')).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
    })
    await pins.pin(x, 'memory')
    await pins.pin(x, 'disk')
    directory.tags.set('acme/y:v1', digestOf('c'))
    await expect(pins.pin(parseModelReference('acme/y:v1'), 'disk')).rejects.toMatchObject({ code: 'OVERLOADED' })
  })
})
