/** Knowing what a model consists of opens nothing: where rules say who may open what, a manifest has to have its own bytes in the origin. */
import { expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { bytesOf, modelOf, type TestModel } from '../../../support/models.ts'
import { CacheFixture, type CacheFixtureOptions } from './fixture.ts'

const secret = bytesOf(200_000, 'secret weights')
const own = bytesOf(100_000, 'own')
const privateModel = modelOf({ 'weights.bin': secret })
/** Names the file of the private model as one of its own. */
const thief = modelOf({ 'notes.bin': own, 'stolen.bin': secret })
/** Names one chunk of it, in another file. */
const chunkThief = modelOf({ 'stolen.bin': secret.subarray(65_536, 131_072) })

async function fixtureOf(options: Partial<CacheFixtureOptions> = {}) {
  const fixture = await new CacheFixture({ isRestricted: true, ...options }).prepare()
  fixture.origin.add(privateModel, thief, chunkThief)
  return fixture
}

/** The origin has nothing but what the model may have. */
function keepAtOrigin(fixture: CacheFixture, ...models: TestModel[]): void {
  const { origin } = fixture
  const readRange = origin.readRange.bind(origin)
  const ids = new Set(models.map(({ id }) => id))
  origin.readRange = async (place, options) => {
    if (ids.has(place.model)) return readRange(place, options)
    throw new HoldfastError('ORIGIN_NOT_FOUND', 'There are no places of that model.')
  }
}

it.each([
  ['its file', thief],
  ['a chunk of it', chunkThief],
])('gives nobody a private model who names %s in a manifest, on no way', async (_what, model) => {
  await using fixture = await fixtureOf()
  keepAtOrigin(fixture, privateModel)
  await fixture.open(privateModel)
  for (const ask of [
    () => fixture.open(model),
    () => fixture.run(model),
    () =>
      fixture.cache.ensureHeld(model.id, model.manifest, { tenant: 'public', deadlineMs: Number.POSITIVE_INFINITY }),
  ]) {
    await expect(ask()).rejects.toMatchObject({ code: 'NO_SOURCE' })
  }
  expect(fixture.inMemory(privateModel)).toBe(true)
})

it('refuses other bytes at the places of the thief', async () => {
  await using fixture = await fixtureOf()
  await fixture.open(privateModel)
  fixture.origin.onRead = async (bytes) => Buffer.alloc(bytes.length)
  await expect(fixture.open(thief)).rejects.toMatchObject({ code: 'NO_SOURCE' })
})

it('opens what has its own bytes in the origin, asks once, and again neither after a restart nor when the origin is away', async () => {
  await using fixture = await fixtureOf()
  await fixture.open(privateModel)
  await fixture.open(thief)
  const reads = fixture.origin.reads.length
  const rows = await fixture.restart()
  fixture.cache.start(rows)
  await fixture.open(thief)
  expect(fixture.origin.reads).toHaveLength(reads)
})

it('lets a model keep what it had first when another one takes the same bytes', async () => {
  await using fixture = await fixtureOf()
  await fixture.open(privateModel)
  await fixture.open(thief)
  keepAtOrigin(fixture)
  await fixture.open(privateModel)
})

it('says that the origin is away while it is', async () => {
  await using fixture = await fixtureOf()
  await fixture.open(privateModel)
  fixture.origin.onRead = async () => {
    throw new HoldfastError('ORIGIN_UNAVAILABLE', 'away')
  }
  await expect(fixture.open(thief)).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
})

it('shares as ever where everybody may open everything', async () => {
  await using fixture = await fixtureOf({ isRestricted: false })
  await fixture.open(privateModel)
  fixture.origin.reads.length = 0
  await fixture.open(chunkThief)
  expect(fixture.origin.reads).toEqual([])
})
