/** Opening models through the addon, both sides in one process. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { connectStore } from '../../native/index.ts'
import { bytesOf, StoreFixture, sha256 } from './fixture.ts'

test('an opened model shows its files, also empty and doubled ones', async () => {
  await using fixture = new StoreFixture()
  const contents = [bytesOf(100_000, 1), Buffer.alloc(0), bytesOf(100_000, 1), bytesOf(3, 2)]
  const digest = await fixture.publish('acme/x:v1', contents)
  const client = await connectStore(fixture.options.socketPath)
  for (const name of ['acme/x:v1', `sha256:${digest}`]) {
    using model = await client.open(name)
    expect(model.digest).toBe(digest)
    expect(model.files.map(({ bytes }) => sha256(bytes))).toEqual(contents.map(sha256))
    expect(model.file('file-3').sizeBytes).toBe(3)
    expect(() => model.file('nothing')).toThrowError(expect.objectContaining({ code: 'UNKNOWN_MODEL' }))
  }
  await fixture.until(() => fixture.leases.length === 4)
  expect(fixture.leases[0]).toMatchObject({ kind: 'opened', digest, pid: process.pid, tenant: 'public' })
  expect(fixture.store.stats()).toMatchObject({ openHits: 2, openMisses: 0, leases: 0, connections: 1 })
  client.close()
})

test('more files than one message can carry descriptors for', async () => {
  await using fixture = new StoreFixture()
  const contents = Array.from({ length: 600 }, (_, index) => bytesOf(index + 1, index))
  await fixture.publish('acme/many', contents)
  const client = await connectStore(fixture.options.socketPath)
  using model = await client.open('acme/many')
  expect(model.files.map(({ bytes }) => sha256(bytes))).toEqual(contents.map(sha256))
  client.close()
})

test('close detaches: a stale view has no bytes, and closing twice is once', async () => {
  await using fixture = new StoreFixture()
  await fixture.publish('acme/x', [bytesOf(100_000, 1), Buffer.alloc(0)])
  const client = await connectStore(fixture.options.socketPath)
  const model = await client.open('acme/x')
  const { bytes } = model.files[0]!
  const view = new DataView(bytes.buffer)
  model.close()
  model.close()
  expect(bytes.length).toBe(0)
  expect(() => view.getUint8(0)).toThrow(TypeError)
  const other = await client.open('acme/x')
  client.close()
  expect(other.files[0]!.bytes.length).toBe(0)
  await expect(client.open('acme/x')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
})

test('a lease pins its blobs; a new meaning of the name leaves it alone', async () => {
  await using fixture = new StoreFixture()
  await fixture.publish('acme/x', [bytesOf(5000, 1)])
  const sha = fixture.store.blobs()[0]!.id
  const client = await connectStore(fixture.options.socketPath)
  const model = await client.open('acme/x')
  expect(fixture.store.blob(sha)).toMatchObject({ leases: 1 })
  expect(fixture.store.dropMemory(sha)).toBe(false)
  fixture.store.unpublish(model.digest)
  fixture.store.checkInvariants()
  expect(Buffer.from(model.files[0]!.bytes)).toEqual(bytesOf(5000, 1))
  model.close()
  await fixture.until(() => fixture.leases.length === 2)
  expect(fixture.store.dropMemory(sha)).toBe(true)
  expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  client.close()
})

test('a lease ends with garbage collection, but not before its last view', async () => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await using fixture = new StoreFixture()
  await fixture.publish('acme/x', [bytesOf(100_000, 1)])
  const client = await connectStore(fixture.options.socketPath)
  const hold: { view?: Uint8Array } = {}
  await (async () => {
    hold.view = (await client.open('acme/x')).files[0]!.bytes
  })()
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  for (let round = 0; round < 5; round++) {
    collect()
    await turn()
  }
  expect(fixture.store.stats().leases).toBe(1)
  expect(bytesOf(100_000, 1).equals(hold.view!)).toBe(true)
  delete hold.view
  while (fixture.store.stats().leases > 0) {
    collect()
    await turn()
  }
  client.close()
})

test('a miss is answered later, refused, or outlives its client', async () => {
  await using fixture = new StoreFixture()
  const { socketPath } = fixture.options
  const client = await connectStore(socketPath)

  const late = client.open('acme/late:v2', { deadlineMs: 60_000 })
  const miss = await fixture.nextMiss()
  expect(miss).toMatchObject({ name: 'acme/late:v2', tenant: 'public', deadlineMs: 60_000, pid: process.pid })
  expect(() => fixture.store.answerOpen(miss.requestId, 'unknown')).toThrowError(
    expect.objectContaining({ code: 'UNKNOWN_MODEL' }),
  )
  const digest = await fixture.publish('acme/late:v2', [bytesOf(10, 1)])
  fixture.store.answerOpen(miss.requestId, digest)
  fixture.store.answerOpen(miss.requestId, digest)
  expect((await late).digest).toBe(digest)

  const never = client.open('acme/never')
  const second = await fixture.nextMiss()
  expect(second.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  fixture.store.refuseOpen(second.requestId, 'NO_SOURCE', 'nobody has it')
  await expect(never).rejects.toMatchObject({ code: 'NO_SOURCE', message: 'nobody has it' })

  const abandoned = client.open('acme/abandoned')
  const third = await fixture.nextMiss()
  client.close()
  await expect(abandoned).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  fixture.store.answerOpen(third.requestId, digest)
  fixture.store.refuseOpen(third.requestId, 'NO_SOURCE', 'too late')
  await fixture.until(() => {
    const opened = fixture.leases.filter(({ kind }) => kind === 'opened').length
    return opened * 2 === fixture.leases.length
  })
})

test('a deadline passes without harm to the connection', async () => {
  await using fixture = new StoreFixture()
  const client = await connectStore(fixture.options.socketPath)
  await expect(client.open('acme/x', { deadlineMs: 10 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  await fixture.publish('acme/x', [bytesOf(10, 1)])
  expect((await client.open('acme/x')).files.length).toBe(1)
  client.close()
})

test('limits and bad names are refused with their code', async () => {
  await using fixture = new StoreFixture({ connectionsMax: 1, leasesPerConnectionMax: 2 })
  await fixture.publish('acme/x', [bytesOf(10, 1)])
  const client = await connectStore(fixture.options.socketPath)
  await expect(connectStore(fixture.options.socketPath)).rejects.toMatchObject({ code: 'STORE_BUSY' })
  await expect(connectStore(`${fixture.folder}/nothing.sock`)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  await Promise.all([client.open('acme/x'), client.open('acme/x')])
  await expect(client.open('acme/x')).rejects.toMatchObject({ code: 'STORE_BUSY' })
  client.close()
  const again = await connectStore(fixture.options.socketPath)
  await expect(again.open('')).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
  await expect(again.open('a'.repeat(600))).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
  again.close()
})

test('the limit of leases is for clients, not for the workers of the node itself', async () => {
  const token = 'of-the-node'
  const ownTokenDigest = createHash('sha256').update(token).digest('hex')
  await using fixture = new StoreFixture({ leasesPerConnectionMax: 1, ownTokenDigest })
  await fixture.publish('acme/x', [bytesOf(10, 1)])
  const worker = await connectStore(fixture.options.socketPath, { token })
  await Promise.all([worker.open('acme/x'), worker.open('acme/x'), worker.open('acme/x')])
  worker.close()
})

test('the package entry connects again after the store restarted', async () => {
  const first = new StoreFixture()
  const { socketPath } = first.options
  await first.publish('acme/x', [bytesOf(10, 1)])
  const before = await open('acme/x', { socketPath })
  await first.store.close()
  expect(Buffer.from(before.files[0]!.bytes)).toEqual(bytesOf(10, 1))
  await using second = new StoreFixture({ socketPath })
  await second.publish('acme/x', [bytesOf(20, 2)])
  using after = await open('acme/x', { socketPath })
  expect(after.files[0]!.bytes.length).toBe(20)
  before.close()
  await first[Symbol.asyncDispose]()
})

test('a name without a namespace is completed before the rules are asked', async () => {
  const rule = {
    tenant: '',
    uids: [process.getuid!()],
    tokenDigests: [],
    models: ['library/*'],
    mayList: false,
    hidden: [],
    isForAnyone: false,
  }
  await using fixture = new StoreFixture({ defaultNamespace: 'library', accessRules: [rule] })
  const digest = await fixture.publish('library/resnet:latest', [bytesOf(10, 1)])
  await fixture.publish('resnet/x', [bytesOf(10, 2)])
  const client = await connectStore(fixture.options.socketPath)
  using model = await client.open('resnet')
  expect(model.digest).toBe(digest)
  await expect(client.open('resnet/x')).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  client.close()
})
