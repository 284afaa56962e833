import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../node/system/index.ts'
import {
  FileStore,
  gc,
  moveTag,
  type ObjectStore,
  Origin,
  pull,
  push,
  removeRef,
  rollBack,
} from '../../../origin/index.ts'
import { packOfRecord, pushIdOf } from '../../../origin/push/push-marker.ts'
import { isThorough } from '../../support/thorough.ts'
import { noise, OriginFixture } from '../fixture.ts'

const kiB = 1024
/** Everything is old enough, so that only what protects running pushes protects. */
const now = { graceMs: 0 }

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
})
afterEach(() => fixture.remove())

const name = (text: string) => ({ namespace: 'acme', name: text, tag: 'latest' })
const isWhole = async (model: string) => {
  const destination = fixture.path(`out-${Math.random()}`)
  await pull({ name: model, origin: new Origin(fixture.store), destination })
}

describe('gc', () => {
  test('deletes what no ref reaches, with its index entries, and nothing else', async () => {
    await fixture.push(await fixture.model('a', { x: noise('a', 100 * kiB), s: noise('shared', 50 * kiB) }), 'acme/a')
    await fixture.push(await fixture.model('b', { y: noise('b', 70 * kiB), s: noise('shared', 50 * kiB) }), 'acme/b')
    const plain = await fixture.store.put('plain/file', [Buffer.from('mine')])
    expect(plain).toBe(true)
    await removeRef(fixture.origin, name('b'))
    const dry = await gc({ origin: fixture.origin, ...now, dryRun: true })
    const before = await fixture.objectKeys('')
    expect(await fixture.objectKeys('')).toEqual(before)
    const result = await gc({ origin: fixture.origin, ...now })
    expect(result).toMatchObject({ models: 1, packsDeleted: 1, manifestsDeleted: 1, indexEntriesRemoved: 1 })
    expect(result.freedBytes).toBe(dry.freedBytes)
    expect(result.freedBytes).toBeGreaterThan(70 * kiB)
    expect(await fixture.objectKeys('objects/')).toHaveLength(1)
    expect(await fixture.objectKeys('plain/')).toEqual(['plain/file'])
    expect(await fixture.objectKeys('gc/')).toEqual([])
    await isWhole('acme/a')
    const again = await fixture.push(fixture.path('b'), 'acme/b')
    expect(again).toMatchObject({ newBytes: 70 * kiB, ref: { sequence: 3 } })
    await isWhole('acme/b')
  })

  test('rewrites packs that are mostly dead, and models and later pushes use the new place', async () => {
    const keep = noise('keep', 20 * kiB)
    await fixture.push(await fixture.model('big', { keep, drop: noise('drop', 100 * kiB) }), 'acme/big')
    await fixture.push(await fixture.model('small', { keep }), 'acme/small')
    await removeRef(fixture.origin, name('big'))
    const result = await gc({ origin: fixture.origin, ...now })
    expect(result).toMatchObject({ packsRewritten: 1, packsDeleted: 1, copiedBytes: 20 * kiB })
    await isWhole('acme/small')
    expect(await fixture.push(await fixture.model('other', { keep, b: 'b' }), 'acme/other')).toMatchObject({
      newBytes: 1,
    })
    expect(await gc({ origin: fixture.origin, ...now })).toMatchObject({ packsRewritten: 0, packsDeleted: 0 })
    await isWhole('acme/other')
  })

  test('leaves young objects alone, so that an interrupted push goes on', async () => {
    const source = await fixture.model('m', { a: noise('a', 100 * kiB) })
    await fixture.push(source, 'acme/m')
    await removeRef(fixture.origin, name('m'))
    expect(await gc({ origin: fixture.origin })).toMatchObject({ packsDeleted: 0, freedBytes: 0 })
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ newBytes: 0 })
  })

  test('lets a dead pack wait for the pushes that may know it, and deletes it after them', async () => {
    const source = await fixture.model('m', { a: noise('a', 100 * kiB) })
    await fixture.push(source, 'acme/m')
    await removeRef(fixture.origin, name('m'))
    let during: unknown
    // The push has found its chunk in the index when gc runs; then it makes the pack reachable again.
    const put = fixture.store.put.bind(fixture.store)
    fixture.store.put = async (key, pieces, options) => {
      if (key.startsWith('locations/')) {
        fixture.store.put = put
        during = await gc({ origin: new Origin(new FileStore(fixture.originFolder, { clock: systemClock })), ...now })
      }
      return put(key, pieces, options)
    }
    expect(await fixture.push(source, 'acme/again')).toMatchObject({ newBytes: 0 })
    expect(during).toMatchObject({ packsDeleted: 0, packsWaiting: 1, pushesRunning: 1, waitingBytes: 100 * kiB })
    await isWhole('acme/again')
    await removeRef(fixture.origin, name('again'))
    expect(await gc({ origin: fixture.origin, ...now })).toMatchObject({ packsDeleted: 1, packsWaiting: 0 })
  })

  test('shuts out a push that it took for dead, before its ref moves', async () => {
    const source = await fixture.model('m', { a: noise('a', 100 * kiB) })
    const put = fixture.store.put.bind(fixture.store)
    fixture.store.put = async (key, pieces, options) => {
      const done = await put(key, pieces, options)
      if (key.startsWith('manifests/')) {
        const elsewhere = new Origin(new FileStore(fixture.originFolder, { clock: systemClock }))
        await gc({ origin: elsewhere, ...now, heartbeat: { periodMs: 1000, silentMs: -1 } })
      }
      return done
    }
    await expect(fixture.push(source, 'acme/m')).rejects.toMatchObject({ code: 'PUSH_EXPIRED' })
    expect(await fixture.objectKeys('refs/')).toEqual([])
  })

  test('refuses to run twice at a time, and passes over one that died', async () => {
    await fixture.push(await fixture.model('m', { a: 'x' }), 'acme/m')
    await fixture.store.put('gc/lock.json', [Buffer.from('{"beat":1}')])
    await expect(gc({ origin: fixture.origin })).rejects.toMatchObject({ code: 'GC_RUNNING' })
    await gc({ origin: fixture.origin, heartbeat: { periodMs: 1000, silentMs: -1 } })
    expect(await fixture.objectKeys('gc/')).toEqual([])
  })

  test('deletes nothing when a ref cannot be read', async () => {
    await fixture.push(await fixture.model('m', { a: 'x' }), 'acme/m')
    await fixture.store.put('refs/acme/m/latest', [Buffer.from('rubbish')])
    const before = await fixture.objectKeys('')
    await expect(gc({ origin: fixture.origin, ...now })).rejects.toMatchObject({ code: 'BAD_REF' })
    expect(await fixture.objectKeys('')).toEqual(before)
  })

  test('keys of packs, records and markers name their push', () => {
    const id = 'ab'.repeat(16)
    expect(pushIdOf(`objects/packs/${id}-000001`)).toBe(id)
    expect(pushIdOf(`pushes/${id}/marker.json`)).toBe(id)
    expect(pushIdOf('objects/packs/foreign')).toBeNull()
    expect(packOfRecord(`pushes/${id}/000001.json`)).toBe(`objects/packs/${id}-000001`)
    expect(packOfRecord(`pushes/${id}/marker.json`)).toBeNull()
  })
})

/** Each request to the store waits for its turn, which the scheduler draws. */
function scheduled(store: ObjectStore, scheduler: fc.Scheduler): ObjectStore {
  const after = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), what)
    return work()
  }
  return {
    url: store.url,
    bucket: null,
    clock: store.clock,
    get: (key, options) => after(`get ${key}`, () => store.get(key, options)),
    getRange: (key, range, options) => after(`getRange ${key}`, () => store.getRange(key, range, options)),
    head: (key, options) => after(`head ${key}`, () => store.head(key, options)),
    put: (key, pieces, options) => after(`put ${key}`, () => store.put(key, pieces, options)),
    delete: (key, options) => after(`delete ${key}`, () => store.delete(key, options)),
    sweep: (olderThanMs, options) => after('sweep', () => store.sweep(olderThanMs, options)),
    async *list(prefix, options) {
      await after(`list ${prefix}`, async () => {})
      yield* store.list(prefix, options)
    },
  }
}

test('whatever pushes, removals and gcs do to each other, every ref can be pulled', async () => {
  // Few contents, so that pushes share chunks and make the same models again.
  const content = fc.integer({ min: 0, max: 3 })
  const action = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('push' as const),
        model: content,
        files: fc.uniqueArray(content, { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), model: content }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('roll back' as const), model: content }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('tag' as const), model: content, from: content }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('gc' as const) }) },
  )
  const lanes = fc.array(fc.array(action, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(lanes, fc.scheduler(), async (plans, scheduler) => {
      const world = await OriginFixture.create()
      try {
        const sources = await Promise.all(
          [0, 1, 2, 3].map((i) => world.model(`src${i}`, { f: noise(`c${i}`, 3 * kiB) })),
        )
        const origin = () =>
          new Origin(scheduled(new FileStore(world.originFolder, { clock: systemClock, create: true }), scheduler))
        await world.push(sources[0]!, 'acme/m0')
        const runLane = async (actions: (typeof plans)[number]) => {
          for (const [step, act] of actions.entries()) {
            if (act.kind === 'gc') await tolerate(gc({ origin: origin(), ...now }), ['GC_RUNNING'])
            else if (act.kind === 'roll back')
              await tolerate(
                rollBack({ origin: origin(), name: name(`m${act.model}`), publisherKey: world.publisherKey }),
                notMoved,
              )
            else if (act.kind === 'tag') await tolerate(copyTag(origin(), act, world), notMoved)
            else if (act.kind === 'remove')
              await tolerate(removeRef(origin(), name(`m${act.model}`)), ['UNKNOWN_MODEL'])
            else {
              const files = Object.fromEntries(act.files.map((i) => [`f${i}`, noise(`c${i}`, 3 * kiB)]))
              const source = await world.model(`mix-${plans.indexOf(actions)}-${step}`, files)
              const pushing = push({
                source,
                name: `acme/m${act.model}`,
                origin: origin(),
                publisherKey: world.publisherKey,
                pack: { packBytesMax: 6 * kiB, uploadsConcurrent: 2 },
              })
              await tolerate(pushing, ['REF_CONFLICT'])
            }
          }
        }
        await scheduler.waitFor(Promise.all(plans.map(runLane)))
        const last = await gc({ origin: world.origin, ...now })
        expect(last.incomplete).toEqual([])
        for await (const { name: found } of world.origin.listModels()) {
          const model = `${found.namespace}/${found.name}`
          await pull({ name: model, origin: world.origin, destination: world.path(`out-${found.name}`) })
        }
        // One more, with nobody at work: nothing that no ref reaches is left.
        await gc({ origin: world.origin, ...now })
        expect(await world.objectKeys('pushes/')).toEqual([])
      } finally {
        await world.remove()
      }
    }),
    { numRuns: Number(process.env.HOLDFAST_GC_RUNS ?? (isThorough ? 50 : 5)) },
  )
})

/** A tag that cannot move stays where it is, and says why. */
const notMoved = ['REF_CONFLICT', 'UNKNOWN_MODEL', 'BAD_REQUEST', 'ORIGIN_NOT_FOUND']

async function copyTag(origin: Origin, act: { model: number; from: number }, world: OriginFixture): Promise<void> {
  const { manifest } = await origin.resolveRef(name(`m${act.from}`))
  await moveTag({ origin, name: name(`m${act.model}`), manifest, publisherKey: world.publisherKey })
}

async function tolerate(work: Promise<unknown>, codes: readonly string[]): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!codes.includes((error as { code?: string }).code ?? '')) throw error
  }
}
