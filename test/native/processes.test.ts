/** What only separate processes show: kill -9 on either side, private memory, exits in the middle of everything. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore } from '../../native/index.ts'
import { bytesOf, chunksOf, idOf, StoreFixture, sha256, specOf } from './fixture.ts'

test('kill -9 of a client ends its leases', async () => {
  await using fixture = new StoreFixture()
  const digest = await fixture.publish('acme/x', [bytesOf(100_000, 1)])
  const { child, next } = await fixture.run('hold-model.ts', [fixture.options.socketPath, 'acme/x'])
  const { pid } = JSON.parse(await next())
  // The client may have its model before the daemon hears of it.
  await fixture.until(() => fixture.leases.length === 1)
  expect(fixture.leases).toMatchObject([{ kind: 'opened', pid, digest, tenant: 'public' }])
  const sha = fixture.store.blobs()[0]!.id
  expect(fixture.store.dropMemory(sha)).toBe(false)
  child.kill('SIGKILL')
  await fixture.until(() => fixture.leases.length === 2)
  expect(fixture.leases[1]).toMatchObject({ kind: 'closed', pid, leaseId: fixture.leases[0]!.leaseId })
  expect(fixture.store.dropMemory(sha)).toBe(true)
})

test('clients share the memory: none has a private copy', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(8 << 20, 1)
  await fixture.publish('acme/x', [bytes])
  const args = [fixture.options.socketPath, 'acme/x']
  const clients = [await fixture.run('hold-model.ts', args), await fixture.run('hold-model.ts', args)]
  for (const { next } of clients) expect(JSON.parse(await next()).sums).toEqual([sha256(bytes)])
  for (const { child, next } of clients) {
    child.stdin!.write('sum\n')
    const seen = JSON.parse(await next())
    expect(seen.sums).toEqual([sha256(bytes)])
    expect(seen.Rss).toBe(8192)
    expect(seen.Private_Clean + seen.Private_Dirty).toBe(0)
  }
})

test('a client goes on reading when the store has gone', async () => {
  await using fixture = new StoreFixture()
  const bytes = bytesOf(100_000, 1)
  await fixture.publish('acme/x', [bytes])
  const { child, next } = await fixture.run('hold-model.ts', [fixture.options.socketPath, 'acme/x'])
  await next()
  await fixture.store.close()
  child.stdin!.write('sum\n')
  expect(JSON.parse(await next()).sums).toEqual([sha256(bytes)])
  child.stdin!.write('exit\n')
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('what a killed store had written is verified and used again', async () => {
  await using fixture = new StoreFixture()
  const sizeBytes = 2_000_000
  const { child, next } = await fixture.run('fill-part.ts', [fixture.folder, String(sizeBytes), '3'])
  expect(await next()).toBe('half')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const store = createStore(
    { ...fixture.options, socketPath: `${fixture.folder}/other.sock`, diskPath: `${fixture.folder}/other-disk` },
    { onLease() {}, onOpenMiss() {} },
  )
  const bytes = bytesOf(sizeBytes, 3)
  const fill = store.beginFill(specOf(bytes), { memory: true, disk: true })
  const recovered = await fill.recover()
  const chunks = chunksOf(bytes, 64 * 1024)
  expect(recovered).toEqual([...chunks.keys()].filter((index) => index % 2 === 0))
  const missing = [...chunks.keys()].filter((index) => index % 2 === 1)
  await Promise.all(missing.map((index) => fill.putChunk(index, chunks[index]!)))
  await fill.finish()
  expect(store.blob(idOf(bytes))).toMatchObject({ isIn: { memory: true, disk: true } })
  expect(sha256((await store.read(idOf(bytes), 0, sizeBytes))!)).toBe(sha256(bytes))
  store.checkInvariants()
  await store.close()
})

test.each([
  ['natural', 7],
  ['exit', 7],
  ['throw', 1],
])('a process that ends (%s) in the middle of everything ends cleanly', async (how, code) => {
  await using fixture = new StoreFixture()
  const { child, next } = await fixture.run('exit-busy.ts', [fixture.folder, how])
  expect(await next()).toBe('open 3')
  expect(await once(child, 'exit')).toEqual([code, null])
})

test('a worker thread that ends in the middle of everything gives everything back', async () => {
  await using fixture = new StoreFixture()
  const program = `${import.meta.dirname}/programs/exit-busy.ts`
  // The second one takes the folder and the socket that the first one left.
  for (const how of ['natural', 'exit', 'exit']) {
    const worker = new Worker(program, { argv: [fixture.folder, how], stdout: true })
    expect(await once(worker, 'exit')).toEqual([7])
  }
})
