import { writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { BlobId } from '../../../../common/types.ts'
import { SlowScrub } from '../../../../node/admin/slow-scrub.ts'
import type { BlobFacts } from '../../../../node/models/index.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { until } from '../../../support/until.ts'
import { bytesOf, cutOf, StoreFixture } from '../../fixture.ts'

const toDisk = { memory: false, disk: true }
const chunkBytes = 64 * 1024

async function begun(bytesPerS: number, sizes: readonly number[]) {
  const fixture = new StoreFixture()
  const facts = new Map<BlobId, BlobFacts>()
  for (const [seed, sizeBytes] of sizes.entries()) {
    const bytes = bytesOf(sizeBytes, seed)
    facts.set(await fixture.add(bytes, toDisk), { cut: cutOf(bytes), stated: [] })
  }
  const clock = new ManualClock()
  const damaged: BlobId[] = []
  const hashed: number[] = []
  const { store } = fixture
  const hashOnDisk: typeof store.hashOnDisk = async (id, atBytes, sizeBytes) => {
    const sha256 = await store.hashOnDisk(id, atBytes, sizeBytes)
    hashed.push(sizeBytes)
    return sha256
  }
  const scrub = new SlowScrub(
    {
      store: { ...store, hashOnDisk },
      dropFromMemory: async (blob) => store.dropMemory(blob),
      blobFacts: () => facts,
      onRemoved: () => {},
      onDamaged: () => damaged.push('x' as BlobId),
      clock,
      log: silentLog,
    },
    { bytesPerS, startAt: '' as BlobId },
  )
  scrub.start()
  return {
    fixture,
    clock,
    scrub,
    hashed,
    damaged,
    ids: [...facts.keys()],
    async [Symbol.asyncDispose]() {
      await scrub.stop()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

it('hashes no more bytes than its budget', async () => {
  await using run = await begun(chunkBytes, [4 * chunkBytes])
  await until('the first chunk', () => run.hashed.length === 1)
  for (let second = 1; second < 4; second++) {
    run.clock.advance(999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(run.hashed).toHaveLength(second)
    run.clock.advance(1)
    await until('the next chunk', () => run.hashed.length === second + 1)
  }
})

it('takes out what is damaged, keeps the rest, and begins again after a rest', async () => {
  await using run = await begun(2 ** 40, [100_000, 200_000])
  const { fixture, clock, ids } = run
  await until('a round', () => {
    clock.advance(1)
    return run.hashed.length === 6
  })
  writeFileSync(fixture.store.diskPathOf(ids[0]!)!, 'damaged', { flag: 'r+' })
  await until('the next round', () => {
    clock.advance(60_000)
    return run.damaged.length > 0
  })
  expect(fixture.store.blob(ids[0]!)).toBe(null)
  expect(fixture.store.blob(ids[1]!)).toMatchObject({ isIn: { disk: true } })
})

it('does nothing with a budget of 0', async () => {
  await using run = await begun(0, [100_000])
  run.clock.advance(600_000)
  await new Promise((resolve) => setImmediate(resolve))
  expect(run.hashed).toEqual([])
})
