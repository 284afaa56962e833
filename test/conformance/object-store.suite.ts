/** What every ObjectStore must do. The factory makes an empty store, and another view of the same one as a second process has it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HoldfastError } from '../../common/errors.ts'
import type { ObjectStore } from '../../origin/index.ts'

export interface ObjectStoreFixture {
  readonly store: ObjectStore
  readonly sameStoreElsewhere: ObjectStore
  stop(): Promise<void>
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined | null) => (value ? new TextDecoder().decode(value) : value)
const small = { sizeBytesMax: 1_000_000 }

const badKeys = [
  { id: 'empty', key: '' },
  { id: 'absolute', key: '/etc/passwd' },
  { id: 'parent', key: '../outside' },
  { id: 'parent inside', key: 'a/../../outside' },
  { id: 'dot', key: 'a/./b' },
  { id: 'empty part', key: 'a//b' },
  { id: 'folder', key: 'a/' },
  { id: 'backslash', key: 'a\\..\\b' },
  { id: 'NUL', key: 'a\0b' },
  { id: 'newline', key: 'a\nb' },
  { id: 'drive', key: 'C:/a' },
  { id: 'lone surrogate', key: 'a\ud800' },
  { id: 'too long', key: `${'a/'.repeat(600)}b` },
  { id: 'reserved', key: '.holdfast/locks/a' },
]

export function testObjectStore(name: string, createFixture: () => Promise<ObjectStoreFixture>): void {
  describe(`ObjectStore: ${name}`, () => {
    let fixture: ObjectStoreFixture
    let store: ObjectStore
    beforeEach(async () => {
      fixture = await createFixture()
      store = fixture.store
    })
    afterEach(() => fixture.stop())

    const keysBelow = async (prefix: string) => {
      const keys: string[] = []
      for await (const { key } of store.list(prefix)) keys.push(key)
      return keys.sort()
    }

    test('answers null for what is not there', async () => {
      expect(await store.get('a/b', small)).toBeNull()
      expect(await store.getRange('a/b', { offsetBytes: 0, sizeBytes: 1 })).toBeNull()
      expect(await store.head('a/b')).toBeNull()
      await store.delete('a/b')
      expect(await keysBelow('')).toEqual([])
    })

    test('gives back what was put, in one piece or several, to every reader', async () => {
      expect(await store.put('refs/a/b/c', [bytes('one '), bytes(''), bytes('two')])).toBe(true)
      expect(text((await fixture.sameStoreElsewhere.get('refs/a/b/c', small))?.bytes)).toBe('one two')
      expect(await store.head('refs/a/b/c')).toEqual({ sizeBytes: 7, modifiedMs: expect.any(Number) })
      expect(await store.put('empty', [])).toBe(true)
      expect((await store.get('empty', small))?.bytes).toHaveLength(0)
    })

    test('does not take a folder of keys for an object', async () => {
      await store.put('a/b/c', [bytes('x')])
      expect(await store.head('a/b')).toBeNull()
      expect(await store.get('a/b', small)).toBeNull()
    })

    test('refuses to read more than the caller takes', async () => {
      await store.put('a', [bytes('12345')])
      expect((await store.get('a', { sizeBytesMax: 5 }))?.bytes).toHaveLength(5)
      await expect(store.get('a', { sizeBytesMax: 4 })).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' })
    })

    test.each([
      { id: 'inside', offsetBytes: 2, sizeBytes: 3, expected: '234' },
      { id: 'whole', offsetBytes: 0, sizeBytes: 10, expected: '0123456789' },
      { id: 'over the end', offsetBytes: 8, sizeBytes: 100, expected: '89' },
      { id: 'at the end', offsetBytes: 10, sizeBytes: 1, expected: '' },
      { id: 'beyond the end', offsetBytes: 2 ** 40, sizeBytes: 1, expected: '' },
      { id: 'of a size nobody could allocate', offsetBytes: 5, sizeBytes: 2 ** 52, expected: '56789' },
      { id: 'empty', offsetBytes: 3, sizeBytes: 0, expected: '' },
    ])('reads a range $id', async ({ offsetBytes, sizeBytes, expected }) => {
      await store.put('digits', [bytes('0123456789')])
      expect(text(await store.getRange('digits', { offsetBytes, sizeBytes }))).toBe(expected)
    })

    test('replaces an object, and its version with it', async () => {
      await store.put('a', [bytes('one')])
      const first = await store.get('a', small)
      expect(await store.put('a', [bytes('two')])).toBe(true)
      const second = await store.get('a', small)
      expect(text(second?.bytes)).toBe('two')
      expect(second?.version).not.toBe(first?.version)
    })

    test('puts only what is not there yet with ifNoneMatch', async () => {
      expect(await store.put('a', [bytes('first')], { ifNoneMatch: '*' })).toBe(true)
      expect(await store.put('a', [bytes('second')], { ifNoneMatch: '*' })).toBe(false)
      expect(text((await store.get('a', small))?.bytes)).toBe('first')
      await store.delete('a')
      expect(await store.put('a', [bytes('third')], { ifNoneMatch: '*' })).toBe(true)
    })

    test('puts only over the version that ifMatch names', async () => {
      expect(await store.put('a', [bytes('x')], { ifMatch: 'no such version' })).toBe(false)
      await store.put('a', [bytes('one')])
      const { version } = (await store.get('a', small))!
      expect(await store.put('a', [bytes('two')], { ifMatch: version })).toBe(true)
      expect(await store.put('a', [bytes('three')], { ifMatch: version })).toBe(false)
      expect(text((await store.get('a', small))?.bytes)).toBe('two')
      await store.delete('a')
      expect(await store.put('a', [bytes('four')], { ifMatch: version })).toBe(false)
      expect(await store.head('a')).toBeNull()
    })

    test('lets exactly one of many racing writers in', async () => {
      const writers = Array.from({ length: 12 }, (_, i) => (i % 2 ? store : fixture.sameStoreElsewhere))
      const created = await Promise.all(writers.map((s, i) => s.put('a', [bytes(`${i}`)], { ifNoneMatch: '*' })))
      expect(created.filter(Boolean)).toHaveLength(1)
      const { version } = (await store.get('a', small))!
      const swapped = await Promise.all(writers.map((s, i) => s.put('a', [bytes(`new ${i}`)], { ifMatch: version })))
      expect(swapped.filter(Boolean)).toHaveLength(1)
      expect(text((await store.get('a', small))?.bytes)).toBe(`new ${swapped.indexOf(true)}`)
    })

    test('loses no update of writers that read, change and swap', async () => {
      await store.put('counter', [bytes('0')])
      const increment = async (s: ObjectStore) => {
        for (;;) {
          const current = (await s.get('counter', small))!
          const next = bytes(String(Number(text(current.bytes)) + 1))
          if (await s.put('counter', [next], { ifMatch: current.version })) return
        }
      }
      const writers = Array.from({ length: 8 }, (_, i) => (i % 2 ? store : fixture.sameStoreElsewhere))
      await Promise.all(writers.map(increment))
      expect(text((await store.get('counter', small))?.bytes)).toBe('8')
    })

    test('lists what lies below a prefix, with sizes, and nothing of its own', async () => {
      for (const key of ['refs/a/b/v1', 'refs/a/b/v2', 'refs/c/d/v1', 'objects/packs/x', 'top']) {
        await store.put(key, [bytes(key)])
      }
      const version = (await store.get('top', small))!.version
      await store.put('top', [bytes('swapped')], { ifMatch: version })
      expect(await keysBelow('refs/')).toEqual(['refs/a/b/v1', 'refs/a/b/v2', 'refs/c/d/v1'])
      expect(await keysBelow('refs/a/b/')).toEqual(['refs/a/b/v1', 'refs/a/b/v2'])
      expect(await keysBelow('none/')).toEqual([])
      expect(await keysBelow('')).toEqual(['objects/packs/x', 'refs/a/b/v1', 'refs/a/b/v2', 'refs/c/d/v1', 'top'])
      for await (const { key, sizeBytes } of store.list('refs/')) expect(sizeBytes).toBe(key.length)
    })

    test('loses no object of a folder that others empty and fill at the same time', async () => {
      const views = [store, fixture.sameStoreElsewhere]
      await Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          for (let round = 0; round < 12; round++) {
            const key = `pushes/x/${writer}`
            const view = views[round % 2]!
            expect(await view.put(key, [bytes(`${round}`)], round % 3 === 0 ? { ifNoneMatch: '*' } : {})).toBe(true)
            expect(text((await view.get(key, small))?.bytes)).toBe(`${round}`)
            await view.delete(key)
          }
          await store.put(`pushes/x/${writer}`, [bytes('last')])
        }),
      )
      expect(await keysBelow('pushes/')).toHaveLength(8)
    })

    test.each(badKeys)('refuses a key that is $id', async ({ key }) => {
      const attempts: (() => Promise<unknown>)[] = [
        () => store.get(key, small),
        () => store.getRange(key, { offsetBytes: 0, sizeBytes: 1 }),
        () => store.head(key),
        () => store.put(key, [bytes('x')]),
        () => store.delete(key),
      ]
      for (const attempt of attempts) {
        const error = await attempt().then(
          () => null,
          (thrown: unknown) => thrown,
        )
        expect(error).toBeInstanceOf(HoldfastError)
        expect(error).toMatchObject({ code: 'BAD_REQUEST' })
      }
      expect(await keysBelow('')).toEqual([])
    })

    test('stops when it is aborted, and writes nothing', async () => {
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(store.put('a', [bytes('x')], { signal })).rejects.toThrow('enough')
      await expect(store.get('a', { ...small, signal })).rejects.toThrow('enough')
      await expect(store.head('a', { signal })).rejects.toThrow('enough')
      expect(await store.head('a')).toBeNull()
    })
  })
}
