/**
 * Whatever is asked in whatever order, and whatever ends well or not: no limit is broken, nothing that is used leaves, and everybody who
 * wants something hears exactly once.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { localTiers } from '../../../common/index.ts'
import type { BlobId } from '../../../common/types.ts'
import type { Failure } from '../../../core/failure.ts'
import { MachineFixture, specOf } from './machine-fixture.ts'

// Two pairs share a blob, and one model is a part of another.
const specs = [
  specOf('a', ['s2', 'a1']),
  specOf('b', ['s2', 'b2']),
  specOf('c', ['t1', 'c3'], 'files'),
  specOf('d', ['t1', 'd1']),
  specOf('e', ['d1']),
  specOf('f', ['f4'], 'files'),
]
const which = fc.nat({ max: specs.length - 1 })
const goal = fc.constantFrom('disk', 'memory', 'ready', 'reattach')
const failures: readonly (Failure | null)[] = [
  null,
  null,
  null,
  { code: 'NO_SOURCE', message: 'nobody has it' },
  { code: 'DISK_FAILED', message: 'cut short' },
]
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('want' as const), which, goal }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('end' as const), at: fc.nat(), failure: fc.constantFrom(...failures) }),
  },
  fc.record({ kind: fc.constant('hold' as const), which }),
  fc.record({ kind: fc.constant('unhold' as const), which }),
  fc.record({ kind: fc.constant('queue' as const), which }),
  fc.record({ kind: fc.constant('release' as const), which, tier: fc.constantFrom(...localTiers) }),
)

/** Known models that are held or have queued work must stay in memory. */
function usedIn(fixture: MachineFixture, held: ReadonlySet<number>): BlobId[] {
  return specs.flatMap(({ model, files }, index) => {
    const isUsed = held.has(index) || fixture.queued.has(model)
    if (!isUsed || fixture.machine.table.get(model) === null) return []
    return files.filter(({ id }) => fixture.store.isIn(id, 'memory')).map(({ id }) => id)
  })
}

type Command = typeof step extends fc.Arbitrary<infer C> ? C : never
const want = (which: number, goal: 'disk' | 'memory' | 'ready'): Command => ({ kind: 'want', which, goal })
const end = (at: number, failure: Failure | null = null): Command => ({ kind: 'end', at, failure })

/** Found once: `a` leaves and takes a blob of `b` along while `d` is promoted. */
const sharedBlobLeaves: Command[] = [
  ...[want(0, 'disk'), want(3, 'ready'), want(3, 'memory'), end(0), want(1, 'disk'), end(1, failures[3]!)],
  ...[end(0), want(0, 'disk'), end(0), end(0), end(0), want(0, 'disk')],
]

it('answers every want once, breaks no limit, and lets nothing go that is used', () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 60 })
  const limits = fc.record({ memory: fc.integer({ min: 4, max: 9 }), disk: fc.integer({ min: 0, max: 14 }) })
  fc.assert(
    fc.property(limits, steps, (limitBytes, commands) => {
      const fixture = new MachineFixture(limitBytes)
      fixture.onStep = () => fixture.machine.checkInvariants()
      const held = new Set<number>()
      const wants: number[] = []
      for (const command of commands) {
        const before = usedIn(fixture, held)
        if (command.kind === 'want') wants.push(fixture.want(specs[command.which]!, command.goal))
        else if (command.kind === 'end') {
          const { length } = fixture.works
          if (length > 0) fixture.endAt(command.at % length, command.failure)
        } else if (command.kind === 'release') fixture.release(specs[command.which]!.model, command.tier)
        else {
          const { model } = specs[command.which]!
          if (command.kind === 'queue') {
            if (!fixture.queued.delete(model) && fixture.machine.isReady(model)) fixture.queued.add(model)
          } else if (command.kind === 'hold' && !held.has(command.which) && fixture.works.length === 0) {
            held.add(command.which)
            fixture.hold(model)
          } else if (command.kind === 'unhold' && held.delete(command.which)) fixture.unhold(model)
        }
        const still = before.filter((id) => fixture.store.isIn(id, 'memory'))
        if (command.kind !== 'queue' && command.kind !== 'unhold') expect(still).toEqual(before)
        fixture.store.checkInvariants()
      }
      fixture.drain()
      for (const index of held) fixture.unhold(specs[index]!.model)
      expect(wants.filter((want) => !fixture.ended.has(want))).toEqual([])
      expect([...fixture.machine.loading()]).toEqual([])
      fixture.machine.checkInvariants()
      for (const tier of localTiers) fixture.policies[tier].checkInvariants()
    }),
    { numRuns: 200, examples: [[{ memory: 4, disk: 7 }, sharedBlobLeaves]] },
  )
})
