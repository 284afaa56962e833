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
    const book = new PinSet()
    book.put([pin('x', 10)])
    book.put([pin('x', 11, 'a', 0)])
    book.heard(5, [pin('x', 10)])
    expect(book.active()).toEqual([])
    expect(book.all()).toMatchObject([{ name: 'x', replicaCount: 0 }])
  })

  it('a removed pin is forgotten after a month, a pin never', () => {
    const book = new PinSet()
    book.put([pin('gone', 0, 'a', 0), pin('kept', 0)])
    book.prune(defaultPinSetOptions.removedKeptMs - 1)
    expect(book.all()).toHaveLength(2)
    book.prune(defaultPinSetOptions.removedKeptMs)
    expect(book.all()).toMatchObject([{ name: 'kept' }])
  })

  it('is said by few: those who began go on, others only while fewer than three do', () => {
    const record = pin('x', 1)
    const book = new PinSet()
    for (const author of [1, 2]) book.heard(author, [record])
    expect(book.toSay([])).toEqual([record])
    book.heard(3, [{ ...record }])
    expect(book.toSay([])).toEqual([])
    expect(book.toSay(book.all())).toEqual([record])
    book.removed([2])
    expect(book.toSay([])).toEqual([record])
  })

  it('voices of an older record do not count', () => {
    const book = new PinSet()
    for (const author of [1, 2, 3]) book.heard(author, [pin('x', 1)])
    book.put([pin('x', 2)])
    expect(book.toSay([])).toMatchObject([{ changedMs: 2 }])
  })

  it('a change counts after the record that it replaces, whatever the clocks say', () => {
    const known = pin('x', 1_000, 'z')
    expect(changedPin({ name: 'x', replicaCount: 0, tier: 'disk' }, known, 'a', 5)).toMatchObject({ changedMs: 1_001 })
    expect(changedPin({ name: 'x', replicaCount: 1, tier: 'disk' }, undefined, 'a', 5.5)).toMatchObject({
      changedMs: 5,
    })
  })

  it('no more than the limit are kept, however many a member invents', () => {
    const book = new PinSet({ ...defaultPinSetOptions, pinsMax: 2 })
    book.heard(
      1,
      ['a', 'b', 'c', 'd'].map((name) => pin(name, 1)),
    )
    expect(book.all().map(({ name }) => name)).toEqual(['a', 'b'])
  })
})
