import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LoadProfile } from '../../../core/index.ts'
import { KeptProfile, parseSaved, savedModelsMax } from '../../../node/requests/kept-profile.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { MemoryState } from '../../support/memory-state.ts'

const id = (at: number) => at.toString(16).padStart(64, '0')

function keptIn(state: MemoryState) {
  const [profile, clock, warned] = [new LoadProfile(), new ManualClock(), [] as string[]]
  const log = { warn: (_: object, message: string) => warned.push(message) }
  return { profile, clock, warned, kept: new KeptProfile({ state, profile, clock, log }) }
}

test('what was measured is there after a restart, saved at the end or a minute later', async () => {
  const state = new MemoryState()
  const former = keptIn(state)
  await former.kept.start()
  former.profile.noteExecute(id(1), 4, 12, 0)
  await former.clock.advance(60_000)
  const afterCrash = keptIn(state)
  await afterCrash.kept.start()
  expect(afterCrash.profile.executeMs(id(1), 4)).toBe(12)
  afterCrash.profile.noteInit(id(1), 300, 0)
  await afterCrash.kept.stop()
  const last = keptIn(state)
  await last.kept.start()
  expect([last.profile.executeMs(id(1), 4), last.profile.initMs(id(1), 1)]).toEqual([12, 300])
})

test('is written only when something was measured', async () => {
  const state = new MemoryState()
  const { kept } = keptIn(state)
  await kept.start()
  await kept.stop()
  expect(await state.get('requests/profile')).toBeNull()
})

test('a state that refuses costs the knowledge and nothing else', async () => {
  const state = {
    get: () => Promise.reject(new Error('damaged')),
    put: () => Promise.reject(new Error('full')),
  }
  const { profile, clock, warned } = keptIn(new MemoryState())
  const log = { warn: (_: object, message: string) => warned.push(message) }
  const kept = new KeptProfile({ state, profile, clock, log })
  await kept.start()
  profile.noteExecute(id(1), 1, 5, 0)
  await kept.stop()
  expect(warned).toHaveLength(2)
})

test('a record of another version, or of anything, is left or cut to what can be used', () => {
  expect(parseSaved({ version: 2, models: [{ model: id(1), init: [1], execute: [] }] })).toEqual({
    models: [],
    transfers: [],
  })
  const rows = Array.from({ length: savedModelsMax + 5 }, (_, at) => ({ model: id(at), init: [1], execute: [] }))
  expect(parseSaved({ version: 1, models: rows }).models).toHaveLength(savedModelsMax)
  const transfers = [{ source: 'peer', ratios: [1, 2, 'x', -1] }, { source: 'moon', ratios: [1] }, null]
  expect(parseSaved({ version: 1, transfers }).transfers).toEqual([{ source: 'peer', ratios: [1, 2] }])
  const hostile = {
    model: id(1),
    init: [1, -1, Number.NaN, '2', ...Array(50).fill(3)],
    execute: [{ batch: 0, ms: [1] }, { batch: 2, ms: 'x' }, null, { batch: 3, ms: [4] }],
  }
  expect(parseSaved({ version: 1, models: [hostile, { model: '../x' }, 7] }).models).toEqual([
    {
      model: id(1),
      init: Array(10).fill(3),
      execute: [
        { batch: 2, ms: [] },
        { batch: 3, ms: [4] },
      ],
    },
  ])
  fc.assert(
    fc.property(fc.anything(), (value) => {
      new LoadProfile().restore(parseSaved(value))
      new LoadProfile().restore(parseSaved({ version: 1, models: [value], transfers: [value] }))
    }),
  )
})
