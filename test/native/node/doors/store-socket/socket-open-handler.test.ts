import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../../common/errors.ts'
import { connectStore, type StoreClient } from '../../../../../native/index.ts'
import { SocketOpenHandler } from '../../../../../node/doors/store-socket/socket-open-handler.ts'
import type { ModelDirectory, ResolvedModel } from '../../../../../node/models/model-directory.ts'
import { silentLog } from '../../../../../node/system/log.ts'
import { blobIdOf } from '../../../../../origin/index.ts'
import { bytesOf, modelOf, type TestModel } from '../../../../support/models.ts'
import { until } from '../../../../support/until.ts'
import { CacheFixture } from '../../models/fixture.ts'

const [one, two] = ['one', 'two'].map((text) => modelOf({ 'w.bin': bytesOf(300_000, text) })) as [TestModel, TestModel]

/** What names mean; a name that is not here is unknown. */
const names = new Map<string, TestModel | Promise<TestModel> | Error>()
const asked: string[] = []
const directory: ModelDirectory = {
  async resolve({ namespace, name, tag }: { namespace: string; name: string; tag: string }): Promise<ResolvedModel> {
    asked.push(`${namespace}/${name}:${tag}`)
    const model = await names.get(`${namespace}/${name}:${tag}`)
    if (model instanceof Error) throw model
    if (model === undefined) throw new HoldfastError('UNKNOWN_MODEL', 'nobody knows it')
    return { digest: model.id, manifest: model.manifest, ref: null, ageMs: 0 }
  },
  resolveAtOnce: (name: { namespace: string; name: string; tag: string }) => directory.resolve(name),
  async resolveDigest(digest: string): Promise<ResolvedModel> {
    const model = [one, two].find(({ id }) => id === digest)!
    return { digest, manifest: model.manifest, ref: null, ageMs: 0 }
  },
} as unknown as ModelDirectory

let fixture: CacheFixture
let desk: SocketOpenHandler
let client: StoreClient
let demand: string[]

beforeEach(async () => {
  names.clear()
  asked.length = 0
  demand = []
  fixture = new CacheFixture()
  fixture.origin.add(one, two)
  const { store, cache } = fixture
  const { clock } = fixture.driving
  desk = new SocketOpenHandler(
    {
      store,
      cache,
      directory,
      onDemand: (model) => demand.push(model),
      within: (_tenant, work) => work(),
      clock,
      log: silentLog,
    },
    { refreshMs: 1_000, failures: { freeFailures: 4, perSecond: 0.5, knownPerSecond: 0.5 } },
  )
  fixture.onMiss = (miss) => void desk.onOpenMiss(miss)
  fixture.onOpened = (digest) => desk.onLeaseOpened(digest)
  fixture.onArriving = (model) => desk.onArriving(model)
  desk.start()
  client = await connectStore(fixture.socketPath)
})

afterEach(async () => {
  client.close()
  desk.stop()
  await fixture[Symbol.asyncDispose]()
})

const moveOn = async (): Promise<void> => {
  fixture.driving.clock.advance(1_000)
  await new Promise((resolve) => setImmediate(resolve))
}

describe('SocketOpenHandler', () => {
  it('answers a miss with the model, once it is here', async () => {
    names.set('acme/m:v1', one)
    using model = await client.open('acme/m:v1')
    expect(model.digest).toBe(one.id)
    expect(Buffer.from(model.file('w.bin').bytes).equals(one.blobs.values().next().value!)).toBe(true)
    expect(fixture.store.stats().openMisses).toBe(1)
  })

  it('answers a tagless name, and the native server knows both forms from then on', async () => {
    names.set('acme/m:latest', one)
    for (const name of ['acme/m', 'acme/m', 'acme/m:latest']) (await client.open(name)).close()
    expect(fixture.store.stats()).toMatchObject({ openMisses: 1, openHits: 2 })
    expect(asked).toEqual(['acme/m:latest'])
  })

  it('answers a digest without asking for a name', async () => {
    using model = await client.open(`sha256:${two.id}`)
    expect(model.digest).toBe(two.id)
    expect(asked).toEqual([])
  })

  it.each([
    { id: 'an unknown name', name: 'acme/unknown', code: 'UNKNOWN_MODEL' },
    { id: 'no name', name: 'what is this', code: 'BAD_MODEL_NAME' },
    { id: 'no digest', name: 'sha256:abc', code: 'BAD_MODEL_NAME' },
  ])('refuses $id by code', async ({ name, code }) => {
    await expect(client.open(name)).rejects.toMatchObject({ code })
  })

  it('refuses when the deadline has passed, and the work goes on for the next', async () => {
    const found = Promise.withResolvers<TestModel>()
    names.set('acme/m:latest', found.promise)
    const late = expect(client.open('acme/m', { deadlineMs: 5 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await until('the name is looked up', () => asked.length > 0)
    fixture.driving.clock.advance(5)
    await late
    found.resolve(one)
    using model = await client.open('acme/m')
    expect(model.digest).toBe(one.id)
  })

  it('says SYSTEM for a defect of ours, whose text is for the log', async () => {
    names.set('acme/m:latest', new TypeError('x is not a function'))
    const refused = { code: 'SYSTEM', message: expect.stringContaining('Internal error') }
    await expect(client.open('acme/m')).rejects.toMatchObject(refused)
  })

  it('resolves a forgotten name anew at the next open, in both its forms, and no other name', async () => {
    names.set('acme/m:latest', one)
    names.set('acme/n:latest', one)
    for (const name of ['acme/m', 'acme/n']) (await client.open(name)).close()
    names.set('acme/m:latest', two)
    names.set('acme/n:latest', two)
    desk.forgetName({ namespace: 'acme', name: 'm', tag: 'latest' })
    for (const name of ['acme/m', 'acme/m:latest']) {
      using model = await client.open(name)
      expect(model.digest).toBe(two.id)
    }
    using other = await client.open('acme/n')
    expect(other.digest).toBe(one.id)
  })

  it('does not publish under a forgotten name what an open under way had found before', async () => {
    const found = Promise.withResolvers<TestModel>()
    names.set('acme/m:latest', found.promise)
    const opening = client.open('acme/m')
    await until('the name is asked for', () => asked.length > 0)
    desk.forgetName({ namespace: 'acme', name: 'm', tag: 'latest' })
    found.resolve(one)
    using before = await opening
    names.set('acme/m:latest', two)
    using after = await client.open('acme/m')
    expect([before.digest, after.digest]).toEqual([one.id, two.id])
  })

  it('gives the new revision to new opens when a tag has moved; running leases keep the old one', async () => {
    names.set('acme/m:latest', one)
    using before = await client.open('acme/m')
    names.set('acme/m:latest', two)
    await moveOn()
    using after = await client.open('acme/m')
    expect([before.digest, after.digest]).toEqual([one.id, two.id])
    expect(before.file('w.bin').bytes[0]).toBe(one.blobs.values().next().value![0])
  })

  it('keeps a name whose lookup fails', async () => {
    names.set('acme/m:latest', one)
    ;(await client.open('acme/m')).close()
    names.clear()
    await moveOn()
    ;(await client.open('acme/m')).close()
    expect(fixture.store.stats().openMisses).toBe(1)
  })

  it('looks names up one round at a time, however slow the origin', async () => {
    names.set('acme/m:latest', one)
    ;(await client.open('acme/m:latest')).close()
    const slow = Promise.withResolvers<TestModel>()
    names.set('acme/m:latest', slow.promise)
    asked.length = 0
    for (let round = 0; round < 5; round += 1) await moveOn()
    expect(asked).toEqual(['acme/m:latest'])
    slow.resolve(one)
    await new Promise((resolve) => setImmediate(resolve))
    await moveOn()
    expect(asked).toHaveLength(2)
  })

  it('takes back the names of an evicted model, so that the next open brings it in again', async () => {
    names.set('acme/m:latest', one)
    ;(await client.open('acme/m')).close()
    await fixture.leases.untilFree(blobIdOf(one.manifest.files[0]!))
    expect(await fixture.cache.release(one.id)).toBe(true)
    desk.onEvicted(one.id)
    using model = await client.open('acme/m')
    expect(model.digest).toBe(one.id)
    expect(fixture.store.stats().openMisses).toBe(2)
  })

  it('answers a client that can wait for ranges as soon as the fetch has begun', async () => {
    names.set('acme/m:latest', one)
    const { promise: withheld, resolve: deliver } = Promise.withResolvers<void>()
    fixture.origin.onRead = async (bytes) => {
      await withheld
      return bytes
    }
    using early = await client.open('acme/m', { arriving: true })
    expect(early.digest).toBe(one.id)
    // The name is known only when the fetch is done: this one comes to the desk too, and finds the fetch under way.
    using second = await client.open('acme/m', { arriving: true })
    const whole = client.open('acme/m')
    expect(() => early.file('w.bin').bytes).toThrowError(expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }))
    const reading = second.waitRange('w.bin', 100, 50)
    deliver()
    const bytes = one.blobs.values().next().value!
    expect(Buffer.from(await reading).equals(bytes.subarray(100, 150))).toBe(true)
    using complete = await whole
    expect(Buffer.from(complete.file('w.bin').bytes).equals(bytes)).toBe(true)
    expect(Buffer.from(early.file('w.bin').bytes).equals(bytes)).toBe(true)
  })

  it('tells those who wait for ranges why a fetch failed', async () => {
    names.set('acme/m:latest', one)
    const asked = Promise.withResolvers<void>()
    fixture.origin.onRead = (_bytes, _place, signal) => {
      asked.resolve()
      return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    using opened = await client.open('acme/m', { arriving: true })
    const reading = opened.waitRange('w.bin', 0, 1)
    // The open is answered when its room is taken; only what has begun can be cancelled.
    await asked.promise
    fixture.driving.driver.cancelFetch(one.id, new HoldfastError('NO_SOURCE', 'nobody has it.'))
    await expect(reading).rejects.toMatchObject({ code: 'NO_SOURCE', message: 'nobody has it.' })
    expect(fixture.store.stats().segments).toBe(0)
  })

  it('counts the demand of every open once, hit or miss', async () => {
    names.set('acme/m:latest', one)
    const opened = Promise.withResolvers<void>()
    fixture.onOpened = (digest) => {
      desk.onLeaseOpened(digest)
      leases += 1
      if (leases === 3) opened.resolve()
    }
    let leases = 0
    for (let times = 0; times < 3; times += 1) (await client.open('acme/m')).close()
    await opened.promise
    expect(demand).toEqual([one.id, one.id, one.id])
  })

  it('makes a program that keeps asking for what is not there wait, and refuses what would wait too long', async () => {
    const open = async (name: string) => (await client.open(name)).close()
    for (let at = 0; at < 4; at += 1) await expect(open(`acme/x${at}`)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    const codes: string[] = []
    const asking = Array.from({ length: 8 }, (_, at) =>
      open(`acme/y${at}`).catch(({ code }: HoldfastError) => codes.push(code)),
    )
    await until('the others wait', () => codes.length === 4)
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'STORE_BUSY'))
    expect(asked.length).toBe(4)
    fixture.driving.clock.advance(8_000)
    await Promise.all(asking)
    expect(codes.slice(4)).toEqual(Array.from({ length: 4 }, () => 'UNKNOWN_MODEL'))
    expect(asked.length).toBe(8)
  })
})
