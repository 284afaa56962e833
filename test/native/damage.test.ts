/** Files of the disk tier that became something else: what is read of them is what they were, or nothing. */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BlobProof } from '../../native/types.ts'
import { bytesOf, cutOf, idOf, StoreFixture, sha256, specOf } from './fixture.ts'

const MiB = 2 ** 20
const toDisk = { memory: false, disk: true }

const stated = (bytes: Buffer): BlobProof => ({
  cut: cutOf(bytes),
  chunks: specOf(bytes).chunks.map((chunk) => chunk.sha256),
})
const unstated = (bytes: Buffer): BlobProof => ({ cut: cutOf(bytes), chunks: [] })

function flipByte(path: string, atBytes: number): void {
  const byte = readFileSync(path)[atBytes]!
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.from([byte ^ 1]), 0, 1, atBytes)
  closeSync(fd)
}

test.each([
  ['stated', stated],
  ['not stated', unstated],
])('a flipped byte anywhere is found on the way to memory when digests of chunks are %s', async (_how, proofOf) => {
  await using fixture = new StoreFixture()
  const { store } = fixture
  const bytes = bytesOf(3 * MiB + 4_321, 1)
  for (const atBytes of [0, MiB - 1, MiB, 2 * MiB + 77, bytes.length - 1]) {
    const id = await fixture.add(bytes, toDisk)
    flipByte(store.diskPathOf(id)!, atBytes)
    await expect(store.promote(id, proofOf(bytes)), `at ${atBytes}`).rejects.toMatchObject({ code: 'DISK_FAILED' })
    expect(store.blob(id)).toBe(null)
    expect(store.stats().tiers).toMatchObject({ memory: { usedBytes: 0 }, disk: { usedBytes: 0 } })
  }
  const id = await fixture.add(bytes, toDisk)
  await store.promote(id, proofOf(bytes))
  expect(bytes.equals((await store.read(id, 0, bytes.length))!)).toBe(true)
})

test.each([1, 4_096, 10_000, MiB, MiB + 1, 2 * MiB])('a blob of %i bytes is read with its proof', async (sizeBytes) => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(sizeBytes, 3)
  const id = await fixture.add(bytes, toDisk)
  await fixture.store.promote(id, stated(bytes))
  expect(bytes.equals((await fixture.store.read(id, 0, sizeBytes))!)).toBe(true)
})

test('a proof of another blob is BAD_REQUEST, and costs the blob nothing', async () => {
  await using fixture = new StoreFixture()
  const { store } = fixture
  const [bytes, other] = [bytesOf(100_000, 1), bytesOf(100_000, 2)]
  const id = await fixture.add(bytes, toDisk)
  const short = { cut: cutOf(bytes.subarray(1)), chunks: [] }
  for (const proof of [stated(other), short, { cut: cutOf(bytes), chunks: [sha256(bytes)] }]) {
    await expect(store.promote(id, proof)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  }
  expect(store.blob(id)).toMatchObject({ isIn: { disk: true } })
})

test('parts of a blob are hashed on disk', async () => {
  await using fixture = new StoreFixture()
  const { store } = fixture
  const bytes = bytesOf(100_000, 1)
  const id = await fixture.add(bytes, toDisk)
  expect(await store.hashOnDisk(id, 10, 50_000)).toBe(sha256(bytes.subarray(10, 50_010)))
  await expect(store.hashOnDisk(id, 10, 100_000)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  expect(await store.hashOnDisk(idOf(bytesOf(5, 9)), 0, 1)).toBe(null)
  await store.giveUpOnDisk(id)
  expect([store.blob(id), store.stats().tiers.disk.usedBytes]).toEqual([null, 0])
})

test.each(['a FIFO', 'a link', 'a folder'])(
  '%s in the place of a blob holds nobody up, and is gone from the tier',
  async (what) => {
    await using fixture = new StoreFixture()
    const { store, folder } = fixture
    const bytes = bytesOf(100_000, 1)
    const id = await fixture.add(bytes, toDisk)
    const path = store.diskPathOf(id)!
    rmSync(path)
    if (what === 'a FIFO') execFileSync('mkfifo', [path])
    else if (what === 'a folder') execFileSync('mkdir', [path])
    else {
      writeFileSync(`${folder}/elsewhere`, bytes)
      symlinkSync(`${folder}/elsewhere`, path)
    }
    await expect(store.promote(id, stated(bytes))).rejects.toMatchObject({ code: 'DISK_FAILED' })
    expect(store.blob(id)).toBe(null)
    if (what === 'a folder') renameSync(path, `${folder}/folder`)
    await fixture.add(bytes, toDisk)
    await store.promote(id, stated(bytes))
    store.checkInvariants()
  },
)
