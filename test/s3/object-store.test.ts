/** The conformance suite of the port on a real server: with its conditional writes, and with intents in their place. */
import { expect, test } from 'vitest'
import type { S3Options } from '../../origin/index.ts'
import { testObjectStore } from '../conformance/object-store.suite.ts'
import { noise } from '../origin/fixture.ts'
import { S3Fixture, server } from './fixture.ts'

const MiB = 2 ** 20

const fixtureWith = (options: Partial<S3Options>) => async () => {
  const fixture = await S3Fixture.create(options)
  return { store: fixture.store, sameStoreElsewhere: fixture.elsewhere(options), stop: () => fixture.remove() }
}

if (server) {
  testObjectStore('S3, conditional writes', fixtureWith({}))
  testObjectStore('S3, intents', fixtureWith({ conditionalWrites: 'never' }))
}

test.skipIf(!server)(
  'writes large objects in parts, sweeps what a dead upload left, and lists over pages',
  async () => {
    const fixture = await S3Fixture.create({ partBytes: 5 * MiB })
    try {
      const bytes = noise('parts', 13 * MiB + 1)
      expect(
        await fixture.store.put('large', [bytes.subarray(0, 7), bytes.subarray(7, 6 * MiB), bytes.subarray(6 * MiB)]),
      ).toBe(true)
      const found = await fixture.store.get('large', { sizeBytesMax: bytes.length })
      expect(bytes.equals(found!.bytes)).toBe(true)
      expect(await fixture.store.sweep(0)).toBe(0)
      const controller = new AbortController()
      const putting = fixture.store.put('aborted', [bytes], { signal: controller.signal })
      controller.abort(new Error('enough'))
      await expect(putting).rejects.toThrow('enough')
      expect(await fixture.store.head('aborted')).toBeNull()
    } finally {
      await fixture.remove()
    }
  },
)
