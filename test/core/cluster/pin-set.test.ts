import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedPin, defaultPinSetOptions, PinSet } from '../../../core/cluster/pin-set.ts'
import type { PinRecord } from '../../../core/index.ts'

const pin = (name: string, changedMs: number, by = 'a', replicaCount = 2): PinRecord => ({
  name,
  replicaCount,
  tier: 'disk',
  changedMs,
  by,
})

describe('pins of the cluster', () => {
  it('the last change counts, in whatever order they come', () => {
    const changes = fc.array(
      fc.record({
        name: fc.constantFrom('x', 'y'),
        changedMs: fc.nat(5),
        by: fc.constantFrom('a', 'b'),
        replicaCount: fc.nat(3),
      }),
    )
    fc.assert(
      fc.property(changes, fc.gen(), (drawn, gen) => {
        // One author says one thing at one time.
        const seen = new Map(drawn.map((record) => [`${record.name}${record.changedMs}${record.by}`, record]))
        const records = [...seen.values()].map((record) => ({
          ...pin(record.name, record.changedMs, record.by),
          ...record,
        }))
        const one = new PinSet()
        const other = new PinSet()
        one.put(records)
        other.put(gen(() => fc.shuffledSubarray(records, { minLength: records.length })))
        expect(other.all()).toEqual(one.all())
      }),
    )
  })

  it('a removed pin stays removed when somebody who was away says the old record', () => {
    const pins = new PinSet()
    pins.put([pin('x', 10)])
    pins.put([pin('x', 11, 'a', 0)])
    pins.receive(5, [pin('x', 10)])
    expect(pins.active()).toEqual([])
    expect(pins.all()).toMatchObject([{ name: 'x', replicaCount: 0 }])
  })

  it('a removed pin is forgotten after a month, a pin never', () => {
    const pins = new PinSet()
    pins.put([pin('gone', 0, 'a', 0), pin('kept', 0)])
    pins.prune(defaultPinSetOptions.removedKeptMs - 1)
    expect(pins.all()).toHaveLength(2)
    pins.prune(defaultPinSetOptions.removedKeptMs)
    expect(pins.all()).toMatchObject([{ name: 'kept' }])
  })

  it('is said by few: those who began go on, others only while fewer than three do', () => {
    const record = pin('x', 1)
    const pins = new PinSet()
    for (const author of [1, 2]) pins.receive(author, [record])
    expect(pins.toPublish([])).toEqual([record])
    pins.receive(3, [{ ...record }])
    expect(pins.toPublish([])).toEqual([])
    expect(pins.toPublish(pins.all())).toEqual([record])
    pins.removed([2])
    expect(pins.toPublish([])).toEqual([record])
  })

  it('voices of an older record do not count', () => {
    const pins = new PinSet()
    for (const author of [1, 2, 3]) pins.receive(author, [pin('x', 1)])
    pins.put([pin('x', 2)])
    expect(pins.toPublish([])).toMatchObject([{ changedMs: 2 }])
  })

  it('a change counts after the record that it replaces, whatever the clocks say', () => {
    const known = pin('x', 1_000, 'z')
    expect(changedPin({ name: 'x', replicaCount: 0, tier: 'disk' }, known, 'a', 5)).toMatchObject({ changedMs: 1_001 })
    expect(changedPin({ name: 'x', replicaCount: 1, tier: 'disk' }, undefined, 'a', 5.5)).toMatchObject({
      changedMs: 5,
    })
  })

  it('no more than the limit are kept, however many a member invents', () => {
    const pins = new PinSet({ ...defaultPinSetOptions, pinsMax: 2 })
    pins.receive(
      1,
      ['a', 'b', 'c', 'd'].map((name) => pin(name, 1)),
    )
    expect(pins.all().map(({ name }) => name)).toEqual(['a', 'b'])
  })
})
