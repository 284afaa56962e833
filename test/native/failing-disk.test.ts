/** A disk that is full or read-only, for real: typed errors, right accounts, and everything that needs no disk goes on. */
import { rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SmallDisk } from '../support/small-disk.ts'
import { bytesOf, chunksOf, cutOf, idOf, StoreFixture, sha256, specOf } from './fixture.ts'

const MiB = 2 ** 20
const toDisk = { memory: false, disk: true }
const toBoth = { memory: true, disk: true }

async function mounted(
  work: (disk: SmallDisk, fixture: StoreFixture) => Promise<void>,
  skip: (reason: string) => void,
) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-disk-'))
  try {
    using disk = SmallDisk.mount(join(folder, 'small'), 2 * MiB)
    if (disk.reason !== null) return skip(disk.reason)
    await using fixture = new StoreFixture({ diskPath: join(disk.path, 'tier') })
    await work(disk, fixture)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a full disk is DISK_FULL for what needs it; memory goes on without', async ({ skip }) => {
  await mounted(async (_disk, fixture) => {
    const { store, folder } = fixture
    const large = bytesOf(3 * MiB, 1)
    expect(() => store.beginFill(specOf(large), toDisk)).toThrowError(expect.objectContaining({ code: 'DISK_FULL' }))
    expect(store.stats()).toMatchObject({ tiers: { disk: { usedBytes: 0 } }, diskFailures: 1 })
    const id = await fixture.add(large, toBoth)
    expect(store.blob(id)).toMatchObject({ isIn: { memory: true, disk: false } })
    const path = join(folder, 'derived')
    writeFileSync(path, large)
    await expect(store.importFile(path, MiB)).rejects.toMatchObject({ code: 'DISK_FULL' })
    // What fits is taken as ever.
    const small = bytesOf(100_000, 2)
    const smallId = await fixture.add(small, toDisk)
    expect(await store.verifyDisk(smallId, cutOf(small))).toBe(sha256(small))
    store.checkInvariants()
  }, skip)
})

test('a disk that became read-only is DISK_FAILED for writes; what lies there is read on', async ({ skip }) => {
  await mounted(async (disk, fixture) => {
    const { store } = fixture
    const kept = bytesOf(100_000, 1)
    const id = await fixture.add(kept, toDisk)
    const other = await fixture.add(bytesOf(50_000, 2), toDisk)
    const { usedBytes: diskUsedBytes } = store.stats().tiers.disk
    disk.setReadOnly(true)
    expect(() => store.beginFill(specOf(bytesOf(1_000, 3)), toDisk)).toThrowError(
      expect.objectContaining({ code: 'DISK_FAILED' }),
    )
    expect(await store.dropDisk(other), 'nothing can be removed').toBe(false)
    expect(store.stats().tiers.disk.usedBytes, 'so nothing is given back').toBe(diskUsedBytes)
    expect(store.stats().diskFailures).toBeGreaterThanOrEqual(2)
    store.checkInvariants()
    await store.promote(id)
    expect(kept.equals((await store.read(id, 0, kept.length))!)).toBe(true)
    const inMemory = await fixture.add(bytesOf(200_000, 4), toBoth)
    expect(store.blob(inMemory)).toMatchObject({ isIn: { memory: true, disk: false } })
    disk.setReadOnly(false)
    expect(await store.dropDisk(other)).toBe(true)
    const bytes = bytesOf(1_000, 5)
    const fill = store.beginFill(specOf(bytes), toDisk)
    await fill.putChunk(0, chunksOf(bytes, 64 * 1024)[0]!)
    await fill.finish()
    expect(await store.verifyDisk(idOf(bytes), cutOf(bytes))).toBe(sha256(bytes))
  }, skip)
})
