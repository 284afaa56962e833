/** Whatever is asked in whatever order: a model with a hold, a lease or queued work stays in memory, and the limit holds. */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connectStore } from '../../../../native/index.ts'
import type { OpenModel } from '../../../../native/types.ts'
import { blobIdOf } from '../../../../origin/index.ts'
import { bytesOf, modelOf } from '../../../support/models.ts'
import { anyone, CacheFixture } from './fixture.ts'

const part = 1 << 18
const models = [1, 1, 2, 2, 3].map((parts, index) => modelOf({ 'weights.bin': bytesOf(parts * part, `m${index}`) }))
const which = fc.nat({ max: models.length - 1 })
const step = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), which }),
  fc.record({ kind: fc.constant('hold' as const), which }),
  fc.record({ kind: fc.constant('unhold' as const), which }),
  fc.record({ kind: fc.constant('lease' as const), which }),
  fc.record({ kind: fc.constant('unlease' as const), which }),
  fc.record({ kind: fc.constant('release' as const), which }),
)

it('never evicts a model that somebody uses', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      // Room for four parts of nine.
      await using fixture = await new CacheFixture({ memoryLimitBytes: 4 * part }).prepare()
      fixture.origin.add(...models)
      const client = await connectStore(fixture.socketPath)
      const holds = new Map<number, Disposable>()
      const leases = new Map<number, OpenModel>()
      for (const { kind, which: index } of steps) {
        const { id, manifest } = models[index]!
        fixture.driving.clock.advance(10)
        const inMemory = () => fixture.store.blob(blobIdOf(manifest.files[0]!))?.isIn.memory === true
        if (kind === 'open') {
          await fixture.cache.ensureOpenable(id, manifest, anyone).catch((error) => {
            expect(error, 'there is only one reason to refuse').toMatchObject({ code: 'MEMORY_FULL' })
          })
        } else if (kind === 'hold' && inMemory() && !holds.has(index)) holds.set(index, fixture.cache.hold(id))
        else if (kind === 'unhold') {
          holds.get(index)?.[Symbol.dispose]()
          holds.delete(index)
        } else if (kind === 'lease' && inMemory() && !leases.has(index)) {
          leases.set(index, await client.open(`sha256:${id}`))
        } else if (kind === 'unlease' && leases.has(index)) {
          leases.get(index)!.close()
          leases.delete(index)
          await fixture.leases.untilFree(blobIdOf(manifest.files[0]!))
        } else if (kind === 'release') {
          const isUsed = holds.has(index) || leases.has(index)
          const released = await fixture.cache.release(id)
          if (isUsed) expect(released, 'it is used').toBe(false)
        }
        for (const [other, model] of models.entries()) {
          const isThere = fixture.store.blob(blobIdOf(model.manifest.files[0]!))?.isIn.memory === true
          if (holds.has(other) || leases.has(other)) expect(isThere, `model ${other} is used`).toBe(true)
        }
        expect(fixture.store.stats().tiers.memory.usedBytes).toBeLessThanOrEqual(4 * part)
        fixture.store.checkInvariants()
      }
      for (const lease of leases.values()) lease.close()
      for (const hold of holds.values()) hold[Symbol.dispose]()
      client.close()
    }),
    { numRuns: 15 },
  )
})
