/** A model on reserved large pages is to its clients what it is on the usual ones, in size and in every byte. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectStore } from '../../../native/index.ts'
import { compileProgram, fnv1a, libraryEnvironment } from '../../native/c-program.ts'
import { bytesOf, chunksOf, digestOf, idOf, StoreFixture, sha256, specOf } from '../../native/fixture.ts'
import { reserveLargePages } from '../../support/large-pages.ts'

const pageBytes = 2 ** 21
/** Ends 100 kB before the end of a large page. */
const sizeBytes = 16 * pageBytes - 100_000
const limits = { memoryLimitBytes: 128 << 20, diskLimitBytes: 128 << 20 }

test('a client maps a model on reserved pages: filled, promoted from disk, and while it arrives', async (context) => {
  using pages = reserveLargePages(40)
  if (pages === null) return context.skip()
  await using fixture = new StoreFixture({ ...limits, largePages: true })
  const { store } = fixture
  const bytes = bytesOf(sizeBytes, 1)
  const id = await fixture.add(bytes, { memory: true, disk: true })
  expect(store.stats().reservedPages).toEqual({ segments: 1, bytes: 16 * pageBytes })
  expect(store.stats().tiers.memory.usedBytes).toBe(16 * pageBytes)
  await fixture.publish('acme/x', [bytes, bytesOf(1000, 2)])
  const client = await connectStore(fixture.options.socketPath)
  {
    using model = await client.open('acme/x')
    expect(model.file('file-0').bytes.byteLength).toBe(sizeBytes)
    expect(bytes.equals(model.file('file-0').bytes)).toBe(true)
  }
  await fixture.until(() => fixture.leases.at(-1)?.kind === 'closed')
  expect(store.dropMemory(id)).toBe(true)
  expect(store.stats().reservedPages).toEqual({ segments: 0, bytes: 0 })

  await store.promote(id)
  expect(store.stats().reservedPages.segments).toBe(1)
  expect(bytes.equals((await store.read(id, 0, sizeBytes))!)).toBe(true)

  const late = bytesOf(sizeBytes, 3)
  const fill = store.beginFill(specOf(late), { memory: true, disk: false })
  store.publish({ digest: digestOf('late'), files: [{ path: 'w', sha256: sha256(late), id: idOf(late), sizeBytes }] }, [
    'acme/late',
  ])
  const opening = client.open('acme/late', { arriving: true })
  using arriving = await opening
  const parts = chunksOf(late, 64 * 1024)
  await Promise.all(parts.map((part, index) => fill.putChunk(index, part)))
  await fill.finish()
  expect(late.equals(await arriving.waitRange('w', 0, sizeBytes))).toBe(true)
  expect(store.stats().reservedPages).toEqual({ segments: 2, bytes: 32 * pageBytes })
  client.close()
  store.checkInvariants()
})

test('a model that finds too few reserved pages has the usual ones', async (context) => {
  using pages = reserveLargePages(20)
  if (pages === null) return context.skip()
  await using fixture = new StoreFixture({ ...limits, largePages: true })
  const [first, second] = [bytesOf(sizeBytes, 4), bytesOf(sizeBytes, 5)]
  await fixture.publish('acme/x', [first, second])
  expect(fixture.store.stats().reservedPages).toEqual({ segments: 1, bytes: 16 * pageBytes })
  const client = await connectStore(fixture.options.socketPath)
  using model = await client.open('acme/x')
  expect(first.equals(model.file('file-0').bytes)).toBe(true)
  expect(second.equals(model.file('file-1').bytes)).toBe(true)
  client.close()
})

test('a C program reads a model on reserved pages, and gets a private copy that it may change', async (context) => {
  using pages = reserveLargePages(20)
  if (pages === null) return context.skip()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-c-'))
  try {
    const program = await compileProgram('client', folder)
    await using fixture = new StoreFixture({ ...limits, largePages: true })
    const bytes = bytesOf(sizeBytes, 6)
    await fixture.publish('acme/x', [bytes], ['w'])
    const changed = Buffer.from(bytes)
    changed[0]! ^= 0xff
    const input = 'open acme/x\nfile w 0\nprivate w 0\n'
    const ran = spawnSync(program, [fixture.options.socketPath], { env: libraryEnvironment, input, encoding: 'utf8' })
    expect(ran.stdout.trim().split('\n').slice(-2)).toEqual([
      `${sizeBytes} ${fnv1a(bytes)}`,
      `${fnv1a(changed)} ${fnv1a(bytes)}`,
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
