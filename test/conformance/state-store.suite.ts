/** What every StateStore must do. `open` opens the same place again after close(). */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StateStore } from '../../node/ports/index.ts'

export interface StateFixture {
  open(): Promise<StateStore>
  /** Closes what is open and removes the place. */
  remove(): Promise<void>
}

async function collect(store: StateStore, prefix: string): Promise<[string, unknown][]> {
  const all: [string, unknown][] = []
  for await (const entry of store.entries(prefix)) all.push(entry)
  return all
}

export function testStateStore(name: string, createFixture: () => Promise<StateFixture>): void {
  describe(`StateStore: ${name}`, () => {
    let fixture: StateFixture
    let store: StateStore
    beforeEach(async () => {
      fixture = await createFixture()
      store = await fixture.open()
    })
    afterEach(() => fixture.remove())

    test('has null for what was never put', async () => {
      expect(await store.get('missing')).toBeNull()
    })

    test('gives back what was put, the last value of a key', async () => {
      await store.put('key', { a: [1, 'two', null, true], b: { c: 2 ** 53 - 1 } })
      await store.put('key', { a: 2 })
      expect(await store.get('key')).toEqual({ a: 2 })
    })

    test('keeps falsy values apart from absence', async () => {
      for (const value of [0, false, '', []]) {
        await store.put('key', value)
        expect(await store.get('key')).toEqual(value)
      }
    })

    test('forgets what was deleted; deleting twice is no error', async () => {
      await store.put('key', 1)
      await store.delete('key')
      await store.delete('key')
      expect(await store.get('key')).toBeNull()
    })

    test('keeps everything over close and open', async () => {
      await store.put('epoch', 7)
      await store.close()
      store = await fixture.open()
      expect(await store.get('epoch')).toBe(7)
    })

    test('lists the entries of a prefix in key order, and no others', async () => {
      for (const key of ['pin/b', 'pin', 'pin/a', 'pin0', 'pim/z', 'pin/', 'pin/é', 'pio']) await store.put(key, key)
      expect((await collect(store, 'pin/')).map(([key]) => key)).toEqual(['pin/', 'pin/a', 'pin/b', 'pin/é'])
      expect(await collect(store, 'nothing/')).toEqual([])
      expect(await collect(store, '')).toHaveLength(8)
    })

    test('keeps what was put, whatever becomes of the values that came in and went out', async () => {
      const put = { list: [1] }
      await store.put('key', put)
      put.list.push(2)
      const got = (await store.get('key')) as typeof put
      got.list.push(3)
      for await (const [, value] of store.entries('key')) (value as typeof put).list.push(4)
      expect(await store.get('key')).toEqual({ list: [1] })
    })

    test('orders keys by themselves, not with what follows them', async () => {
      for (const key of ['a!', 'a', 'a/b']) await store.put(key, [',', key])
      expect((await collect(store, 'a')).map(([key]) => key)).toEqual(['a', 'a!', 'a/b'])
    })

    test('may be written while it is listed', async () => {
      await store.put('k/1', 1)
      await store.put('k/2', 2)
      for await (const [key] of store.entries('k/')) await store.delete(key)
      expect(await collect(store, 'k/')).toEqual([])
    })

    test('agrees with a map under any sequence of puts and deletes', async () => {
      const key = fc.constantFrom('a', 'a/1', 'a/2', 'b')
      const step = fc.tuple(key, fc.option(fc.integer(), { nil: null }))
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          for (const [known] of await collect(store, '')) await store.delete(known)
          const model = new Map<string, number>()
          for (const [at, value] of steps) {
            if (value === null) {
              model.delete(at)
              await store.delete(at)
            } else {
              model.set(at, value)
              await store.put(at, value)
            }
          }
          expect(await collect(store, '')).toEqual([...model].toSorted(([a], [b]) => (a < b ? -1 : 1)))
        }),
        { numRuns: 15 },
      )
    })
  })
}
