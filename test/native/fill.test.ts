/** Fills, tiers and limits through the addon; the core's own tests go deeper (native/test). */
import { rmSync, writeFileSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHoldfastError } from '../../common/errors.ts'
import { toBlobId } from '../../common/types.ts'
import { bytesOf, chunksOf, cutOf, digestOf, idOf, StoreFixture, sha256, specOf } from './fixture.ts'

const chunkBytes = 64 * 1024
const both = { memory: true, disk: true }

test('chunks that come in any order, twice and at once make the blob', async () => {
  await using fixture = new StoreFixture()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 300_000 }),
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(both, { memory: true, disk: false }, { memory: false, disk: true }),
      async (sizeBytes, stream, where) => {
        const bytes = bytesOf(sizeBytes, 1)
        const spec = specOf(bytes)
        const chunks = chunksOf(bytes, chunkBytes)
        const order = [...chunks.keys(), ...chunks.keys()].sort(() => (stream.next().value! % 2 === 0 ? 1 : -1))
        const fill = fixture.store.beginFill(spec, where)
        await Promise.all(order.map((index) => fill.putChunk(index, chunks[index]!)))
        await fill.finish()
        const read = await fixture.store.read(spec.id, 0, sizeBytes)
        expect(bytes.equals(read!)).toBe(true)
        fixture.store.checkInvariants()
        fixture.store.dropMemory(spec.id)
        await fixture.store.dropDisk(spec.id)
        expect(fixture.store.blob(spec.id)).toBeNull()
        expect(fixture.store.stats()).toMatchObject({ tiers: { memory: { usedBytes: 0 }, disk: { usedBytes: 0 } } })
      },
    ),
    { numRuns: 25 },
  )
})

test('a wrong chunk is refused and stores nothing', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(200_000, 1)
  const chunks = chunksOf(bytes, chunkBytes)
  const fill = fixture.store.beginFill(specOf(bytes), both)
  await expect(fill.putChunk(1, chunks[2]!)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  await expect(fill.putChunk(1, chunks[1]!.subarray(1))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  await expect(fill.putChunk(9, chunks[1]!)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(fill.finish()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await fill.abort({ keepPartial: true })
  const again = fixture.store.beginFill(specOf(bytes), both)
  expect(await again.recover()).toEqual([])
  await again.abort()
  expect(fixture.store.stats()).toMatchObject({ tiers: { memory: { usedBytes: 0 }, disk: { usedBytes: 0 } } })
})

test('a manifest that names foreign chunks under another file’s sha256 places no bytes under the id of that file', async () => {
  await using fixture = new StoreFixture()
  for (const sizeBytes of [200_000, 1_000]) {
    const victim = bytesOf(sizeBytes, 1)
    const foreign = bytesOf(sizeBytes, 2)
    // The id that the native store takes is computed from the chunks: no list of others has it.
    expect(() => fixture.store.beginFill({ ...specOf(foreign), id: idOf(victim) }, both)).toThrowError(
      expect.objectContaining({ code: 'BAD_REQUEST' }),
    )
    await fixture.add(foreign, both)
    expect(fixture.store.blobs().map(({ id }) => id)).toEqual([idOf(foreign)])
    expect(fixture.store.blob(idOf(victim))).toBeNull()
    await fixture.add(victim, both)
    expect(victim.equals((await fixture.store.read(idOf(victim), 0, sizeBytes))!)).toBe(true)
    expect(foreign.equals((await fixture.store.read(idOf(foreign), 0, sizeBytes))!)).toBe(true)
    for (const id of [idOf(victim), idOf(foreign)]) {
      fixture.store.dropMemory(id)
      await fixture.store.dropDisk(id)
    }
  }
})

test('the memory limit is exact to the page, filling segments included', async () => {
  await using fixture = new StoreFixture({ memoryLimitBytes: 3 * 4096, diskLimitBytes: 0 })
  const first = fixture.store.beginFill(specOf(bytesOf(4097, 1)), { memory: true, disk: false })
  const attempt = (sizeBytes: number, seed: number) => {
    try {
      return fixture.store.beginFill(specOf(bytesOf(sizeBytes, seed)), { memory: true, disk: false })
    } catch (error) {
      return isHoldfastError(error) ? { code: error.code, details: error.details } : error
    }
  }
  expect(attempt(4097, 2)).toEqual({ code: 'MEMORY_FULL', details: { neededBytes: 8192, freeBytes: 4096 } })
  expect(attempt(3 * 4096 + 1, 2)).toEqual({ code: 'TOO_LARGE', details: { neededBytes: 16384, freeBytes: 4096 } })
  await fixture.add(bytesOf(4096, 3))
  expect(attempt(1, 4)).toMatchObject({ code: 'MEMORY_FULL' })
  expect(fixture.store.stats().tiers.memory.usedBytes).toBe(3 * 4096)
  await first.abort()
  expect(fixture.store.stats().tiers.memory.usedBytes).toBe(4096)
  await fixture.add(bytesOf(8192, 5))
})

test('a full disk leaves the blob in memory alone', async () => {
  await using fixture = new StoreFixture({ diskLimitBytes: 8192 })
  const id = await fixture.add(bytesOf(10_000, 1), both)
  expect(fixture.store.blob(id)).toMatchObject({ isIn: { memory: true, disk: false } })
  expect(() => fixture.store.beginFill(specOf(bytesOf(10_000, 2)), { memory: false, disk: true })).toThrowError(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  )
})

test('the arguments are checked, not trusted', async () => {
  await using fixture = new StoreFixture()
  const spec = specOf(bytesOf(1000, 1))
  const bad = [
    { ...spec, id: toBlobId(spec.id.toUpperCase()) },
    { ...spec, sizeBytes: 999 },
    { ...spec, sizeBytes: -1 },
    { ...spec, sizeBytes: 2 ** 60 },
    { ...spec, chunks: null as never },
    { ...spec, chunks: [{ sha256: '..', sizeBytes: 1000 }] },
  ]
  for (const blob of bad) {
    expect(() => fixture.store.beginFill(blob, both)).toThrowError(expect.objectContaining({ code: 'BAD_REQUEST' }))
  }
  const fill = fixture.store.beginFill(spec, both)
  expect(() => fixture.store.beginFill(spec, both)).toThrowError(expect.objectContaining({ code: 'BAD_REQUEST' }))
  expect(() => fill.putChunk(0, 'text' as never)).toThrowError(expect.objectContaining({ code: 'BAD_REQUEST' }))
  expect(fixture.store.diskPathOf(spec.id)).toBeNull()
})

describe.each([both, { memory: true, disk: false }, { memory: false, disk: true }])('a fill into %o', (into) => {
  test('can be read where it is verified, before it is complete', async () => {
    await using fixture = new StoreFixture()
    const bytes = bytesOf(4 * chunkBytes - 100, 1)
    const chunks = chunksOf(bytes, chunkBytes)
    const { id } = specOf(bytes, chunkBytes)
    const fill = fixture.store.beginFill(specOf(bytes, chunkBytes), into)
    const read = (offset: number, size: number) => fixture.store.read(id, offset, size)
    expect(await read(0, chunkBytes)).toBeNull()
    await fill.putChunk(1, chunks[1]!)
    await fill.putChunk(2, chunks[2]!)
    await expect(fill.putChunk(0, Buffer.alloc(chunkBytes))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(bytes.subarray(chunkBytes, 3 * chunkBytes).equals((await read(chunkBytes, 2 * chunkBytes))!)).toBe(true)
    expect(bytes.subarray(chunkBytes + 5, chunkBytes + 15).equals((await read(chunkBytes + 5, 10))!)).toBe(true)
    expect(await read(0, chunkBytes), 'its bytes were wrong').toBeNull()
    expect(await read(chunkBytes - 1, 2), 'half of the range is missing').toBeNull()
    expect(await read(2 * chunkBytes, chunkBytes + 1), 'the end of the range is missing').toBeNull()
    await expect(read(4 * chunkBytes - 100, 1)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await fill.abort()
    expect(await read(chunkBytes, chunkBytes), 'the fill has ended').toBeNull()
  })
})

test('reading an open fill never sees anything but its bytes, whatever ends it meanwhile', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(8 * chunkBytes, 1)
  const spec = specOf(bytes, chunkBytes)
  for (const ending of ['finish', 'abort', 'finish'] as const) {
    const fill = fixture.store.beginFill(spec, { memory: true, disk: false })
    const work = chunksOf(bytes, chunkBytes).map((chunk, index) => fill.putChunk(index, chunk))
    const reads = Array.from({ length: 64 }, (_, index) =>
      fixture.store.read(spec.id, (index % 8) * chunkBytes, chunkBytes),
    )
    await Promise.all(work)
    const ended = fill[ending]()
    reads.push(...Array.from({ length: 64 }, () => fixture.store.read(spec.id, 0, chunkBytes)))
    await ended
    for (const [index, read] of (await Promise.all(reads)).entries()) {
      const at = index < 64 ? (index % 8) * chunkBytes : 0
      if (read !== null) expect(bytes.subarray(at, at + chunkBytes).equals(read)).toBe(true)
    }
    fixture.store.dropMemory(spec.id)
  }
})

test('a disk blob is promoted once for all who ask, and read in parts', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(3_000_000, 1)
  const id = await fixture.add(bytes, { memory: false, disk: true })
  expect(await fixture.store.read(id, 2_999_990, 10)).toEqual(bytes.subarray(2_999_990))
  const promotions = Array.from({ length: 20 }, () => fixture.store.promote(id))
  expect(fixture.store.stats().tiers.memory.usedBytes).toBeLessThanOrEqual(3_002_368)
  await Promise.all(promotions)
  expect(fixture.store.stats()).toMatchObject({ tiers: { memory: { usedBytes: 3_002_368 } }, segments: 1 })
  const part = await fixture.store.read(id, 100_000, 200_000)
  expect(bytes.subarray(100_000, 300_000).equals(part!)).toBe(true)
  await expect(fixture.store.read(id, 2_999_990, 11)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  expect(await fixture.store.read(toBlobId(digestOf('unknown')), 0, 1)).toBeNull()
  await expect(fixture.store.promote(toBlobId(digestOf('unknown')))).rejects.toMatchObject({ code: 'DISK_FAILED' })
})

test.each([0, 1, chunkBytes, 100_000, 40 * chunkBytes + 1])(
  'a file of %i bytes is imported as the blob of its chunks',
  async (sizeBytes) => {
    await using fixture = new StoreFixture()
    const bytes = bytesOf(sizeBytes, 1)
    const path = join(fixture.folder, 'derived')
    writeFileSync(path, bytes)
    const imported = await fixture.store.importFile(path, chunkBytes)
    expect(imported).toEqual({ id: idOf(bytes), sizeBytes })
    expect(await fixture.store.verifyDisk(imported.id, cutOf(bytes))).toBe(sha256(bytes))
    expect(bytes.equals((await fixture.store.read(imported.id, 0, sizeBytes))!)).toBe(true)
    // Once more: it is there already.
    expect(await fixture.store.importFile(path, chunkBytes)).toEqual(imported)
    expect(fixture.store.blobs()).toHaveLength(1)
  },
)

test('a blob on disk is verified by its cut, and found bad once it has changed', async () => {
  await using fixture = new StoreFixture()
  const { store } = fixture
  const bytes = bytesOf(100_000, 1)
  const id = await fixture.add(bytes, { memory: false, disk: true })
  expect(await store.digestDisk(id, cutOf(bytes))).toEqual({ id, sha256: sha256(bytes) })
  expect((await store.digestDisk(id, cutOf(bytes, 50_000)))?.id).toBe(specOf(bytes, 50_000).id)
  for (const cut of [[99_999], [100_000, 0], [2 ** 40], []]) {
    await expect(store.verifyDisk(id, cut)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  }
  const stored = store.diskPathOf(id)!
  // Removed and written anew: the file is read-only.
  rmSync(stored)
  writeFileSync(stored, Buffer.alloc(100_000))
  expect(await store.verifyDisk(id, cutOf(bytes))).toBeNull()
  expect(store.diskPathOf(id)).toBeNull()
  expect(await store.dropDisk(id)).toBe(false)
  expect(await store.digestDisk(id, cutOf(bytes))).toBeNull()
})

test('close waits for running work, and refuses later work', async () => {
  const fixture = new StoreFixture()
  const bytes = bytesOf(1_000_000, 1)
  const fill = fixture.store.beginFill(specOf(bytes), both)
  const puts = chunksOf(bytes, chunkBytes).map((chunk, index) => fill.putChunk(index, chunk))
  const finished = Promise.all(puts).then(() => fixture.store.close())
  const closing = fixture.store.close()
  await Promise.all([...puts, closing, finished])
  await expect(fill.finish()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await expect(fixture.store.read(idOf(bytes), 0, 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await fixture[Symbol.asyncDispose]()
})

test('chunks of an open file go straight to their places, verified, and nothing else does', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(5 * chunkBytes, 77)
  const path = join(fixture.folder, 'object')
  await writeFile(path, Buffer.concat([Buffer.alloc(100), bytes.subarray(0, 4 * chunkBytes + 7)]))
  const file = await open(path)
  const fill = fixture.store.beginFill(specOf(bytes, chunkBytes), both)
  await expect(fill.putFile(0, file.fd, 101)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  for (let index = 0; index < 4; index++)
    expect(await fill.putFile(index, file.fd, 100 + index * chunkBytes)).toBe('copied')
  expect(await fill.putFile(1, file.fd, 100 + chunkBytes)).toBe('copied')
  expect(await fill.putFile(4, file.fd, 100 + 4 * chunkBytes)).toBe('short')
  await expect(fill.putFile(9, file.fd, 0)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await expect(fill.putFile(4, 99_999, 0)).rejects.toMatchObject({ code: 'EBADF', errno: -9 })
  await fill.putChunk(4, bytes.subarray(4 * chunkBytes))
  await fill.finish()
  await file.close()
  const found = await fixture.store.read(fill.id, 0, bytes.length)
  expect(bytes.equals(found!)).toBe(true)
  expect(fixture.store.blob(fill.id)?.isIn).toEqual({ memory: true, disk: true })
})
