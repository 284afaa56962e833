import { beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { PrefetchJobs } from '../../../node/admin/prefetch-jobs.ts'
import { silentLog } from '../../../node/system/log.ts'
import { formatDigest, parseModelReference } from '../../../origin/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { digestOf, FakeCache, FakeDirectory, settle } from './fixture.ts'

let cache: FakeCache
let clock: ManualClock
beforeEach(() => {
  cache = new FakeCache()
  clock = new ManualClock()
})

function desk(options = {}) {
  const loading = (model: string) => ({
    model,
    state: 'fetching' as const,
    doneBytes: 1,
    totalBytes: 2,
    bytesPerS: null,
  })
  return new PrefetchJobs({ directory: new FakeDirectory(), cache, loading, clock, log: silentLog }, options)
}

const reference = (letter: string) => parseModelReference(formatDigest(digestOf(letter)))

describe('a prefetch', () => {
  it('runs in the background, shows how far it is, and then from where it came', async () => {
    const gate = Promise.withResolvers<void>()
    cache.gate = gate.promise
    const prefetches = desk()
    expect(await prefetches.begin(reference('a'), 'memory')).toMatchObject({
      state: 'running',
      loading: { doneBytes: 1 },
    })
    clock.advance(250)
    gate.resolve()
    await settle()
    expect(prefetches.list()).toMatchObject([
      { model: digestOf('a'), state: 'done', source: 'origin', error: null, elapsedMs: 250, loading: null },
    ])
  })

  it('of the same model into the same tier is the same one', async () => {
    cache.gate = new Promise(() => undefined)
    const prefetches = desk()
    await prefetches.begin(reference('a'), 'memory')
    await prefetches.begin(reference('a'), 'memory')
    await prefetches.begin(reference('a'), 'disk')
    expect(cache.brought).toEqual(['a memory', 'a disk'])
  })

  it('that fails keeps its code', async () => {
    cache.gate = Promise.reject(new HoldfastError('MEMORY_FULL', 'no room'))
    const prefetches = desk()
    await prefetches.begin(reference('a'), 'memory')
    await settle()
    expect(prefetches.list()).toMatchObject([{ state: 'failed', error: { code: 'MEMORY_FULL', message: 'no room' } }])
  })

  it('too many at once is refused; ended ones are forgotten, the oldest first', async () => {
    cache.gate = new Promise(() => undefined)
    const full = desk({ runningMax: 1 })
    await full.begin(reference('a'), 'memory')
    await expect(full.begin(reference('b'), 'memory')).rejects.toMatchObject({ code: 'OVERLOADED' })

    cache.gate = Promise.resolve()
    const prefetches = desk({ endedMax: 2 })
    for (const letter of ['a', 'b', 'c']) {
      await prefetches.begin(reference(letter), 'memory')
      await settle()
    }
    expect(prefetches.list().map(({ model }) => model)).toEqual([digestOf('b'), digestOf('c')])
  })
})
