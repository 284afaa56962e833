/**
 * kill -9 between any two writes of the disk tier. The child process does every kind of write and dies at one passing of one
 * point; then the folder is opened again: every blob is whole or absent, the accounts are right, and a fetch goes on from what
 * was verified. The points come from the native table, so a new one is driven without being named here; a point that the child
 * never passes fails the test.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createStore, diskCrashPoints } from '../../native/index.ts'
import type { Store } from '../../native/types.ts'
import { isThorough } from '../support/thorough.ts'
import { chunksOf, cutOf, sha256, specOf } from './fixture.ts'
import { blobs, chunkBytes, diskLimitBytes, moves, storeOptions } from './programs/crash-disk-plan.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-crash-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Every passing of some points would be much of the same. */
const passingsMax = isThorough ? 3 : 1
/** `npm test` drives every third; CI drives all. */
const points = diskCrashPoints().filter((_, at) => isThorough || at % 3 === 0)

describe.each(points)('%s', (point) => {
  test('leaves everything whole or absent, at its passings', async () => {
    for (let passing = 1; passing <= passingsMax; passing += 1) {
      const ended = await live(`${point}:${passing}`)
      // What the child passes at all, it passes once.
      if (ended === 'done' && passing > 1) break
      expect(ended, `${point}:${passing}`).toBe('SIGKILL')
      await checkRestart(`${point}:${passing}`)
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe.each([
  { point: 'partial.chunk-torn', passing: 1, recovered: [] },
  { point: 'partial.chunk-written', passing: 1, recovered: [0] },
  { point: 'partial.chunk-torn', passing: 3, recovered: [0, 1] },
  { point: 'partial.chunk-written', passing: 3, recovered: [0, 1, 2] },
  { point: 'blob.synced', passing: 1, recovered: [0, 1, 2] },
])('a fill that died at $point:$passing', ({ point, passing, recovered }) => {
  test('goes on without a chunk that was written whole', async () => {
    expect(await live(`${point}:${passing}`)).toBe('SIGKILL')
    const store = createStore(storeOptions(folder), { onLease() {}, onOpenMiss() {} })
    const fill = store.beginFill(specOf(blobs.toDisk, chunkBytes), { memory: false, disk: true })
    expect(await fill.recover()).toEqual(recovered)
    await fill.abort()
    await store.close()
  })
})

test('a name that is no point, or none at all, crashes nothing', async () => {
  expect(await live('partial.mad')).toBe('done')
})

/** Runs the child; 'done', or the signal that ended it. */
function live(crashAt: string): Promise<string> {
  const program = join(import.meta.dirname, 'programs', 'crash-disk.ts')
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, folder],
      { env: { ...process.env, HOLDFAST_CRASH_AT: crashAt } },
      (error, out) => {
        if (error === null) resolve(out.trim())
        else if (error.signal) resolve(error.signal)
        else reject(error)
      },
    )
  })
}

async function checkRestart(when: string): Promise<void> {
  const store = createStore(storeOptions(folder), { onLease() {}, onOpenMiss() {} })
  try {
    store.checkInvariants()
    const { usedBytes: diskUsedBytes } = store.stats().tiers.disk
    expect(diskUsedBytes, when).toBeLessThanOrEqual(diskLimitBytes)
    expect(diskUsedBytes, `${when}: the index has every file`).toBe(await bytesOnDisk(join(folder, 'disk')))
    await checkFormer(store, when)
    const cuts = new Map(Object.values(blobs).map((bytes) => [specOf(bytes, chunkBytes).id, cutOf(bytes, chunkBytes)]))
    for (const { id } of store.blobs())
      expect(await store.verifyDisk(id, cuts.get(id)!), `${when}: ${id}`).not.toBeNull()
    expect(await readdir(join(folder, 'disk', 'partial'))).not.toContainEqual(expect.stringContaining('import'))
    for (const bytes of Object.values(blobs)) await checkRefill(store, bytes, when)
    store.checkInvariants()
  } finally {
    await store.close()
  }
}

/** What still has the name of a former node is whole, and is taken over as if nothing had been. */
async function checkFormer(store: Store, when: string): Promise<void> {
  const names = new Set<string>(store.blobs().map(({ id }) => id))
  for (const bytes of [blobs.former, blobs.formerTwin]) {
    if (!names.has(sha256(bytes))) continue
    const found = await store.digestDisk(sha256(bytes), cutOf(bytes, chunkBytes))
    expect(found, when).toEqual({ id: specOf(bytes, chunkBytes).id, sha256: sha256(bytes) })
  }
  const held = names.size
  await store.takeOver(moves)
  const after = new Set<string>(store.blobs().map(({ id }) => id))
  for (const { from, to } of moves) {
    expect(after.has(from), when).toBe(false)
    expect(after.has(to), when).toBe(names.has(from) || names.has(to))
  }
  const twins = moves.filter(({ from, to }) => names.has(from) && names.has(to)).length
  expect(after.size, when).toBe(held - twins)
}

/** The blob can be brought in again, and what was whole of it need not come twice. */
async function checkRefill(store: Store, bytes: Buffer, when: string): Promise<void> {
  const spec = specOf(bytes, chunkBytes)
  const fill = store.beginFill(spec, { memory: true, disk: true })
  const chunks = chunksOf(bytes, chunkBytes)
  const here = new Set(await fill.recover())
  for (const [index, chunk] of chunks.entries()) if (!here.has(index)) await fill.putChunk(index, chunk)
  await fill.finish()
  expect(bytes.equals((await store.read(spec.id, 0, bytes.length))!), when).toBe(true)
  store.dropMemory(spec.id)
}

async function bytesOnDisk(path: string): Promise<number> {
  let sumBytes = 0
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name === 'lock') continue
    const { size } = await stat(join(entry.parentPath, entry.name))
    sumBytes += Math.ceil(size / 4096) * 4096
  }
  return sumBytes
}
