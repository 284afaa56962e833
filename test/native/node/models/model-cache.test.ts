import { closeSync, openSync, readFileSync, readSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { toBlobId } from '../../../../common/index.ts'
import { connectStore } from '../../../../native/index.ts'
import { cutOf } from '../../../../node/models/blob-files.ts'
import { blobIdOf } from '../../../../origin/index.ts'
import { bytesOf, chunkBytes, modelOf, type TestModel } from '../../../support/models.ts'
import { anyone, CacheFixture, type CacheFixtureOptions } from './fixture.ts'

/** Models are made of so many bytes, or of a multiple. */
const part = 1 << 18
const opaque = (name: string, sizeBytes = part): TestModel => modelOf({ 'weights.bin': bytesOf(sizeBytes, name) })
const onnx = (name: string, sizeBytes = part): TestModel => modelOf({ 'model.onnx': bytesOf(sizeBytes, name) })

function flipByte(path: string, atBytes = 12_345): void {
  const fd = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, atBytes)
  writeSync(fd, Buffer.from([byte[0]! ^ 1]), 0, 1, atBytes)
  closeSync(fd)
}

async function withModels(models: readonly TestModel[], options: Partial<CacheFixtureOptions> = {}) {
  const fixture = await new CacheFixture(options).prepare()
  fixture.origin.add(...models)
  return fixture
}

describe('bringing a model in', () => {
  it('fetches once for everybody who waits', async () => {
    const model = opaque('a')
    await using fixture = await withModels([model])
    const ready = await Promise.all(Array.from({ length: 50 }, () => fixture.open(model)))
    expect(new Set(ready.map(({ source }) => source))).toEqual(new Set(['origin']))
    expect(fixture.origin.reads).toHaveLength(part / chunkBytes)
    expect(await fixture.open(model)).toEqual({ source: 'memory' })
  })

  it('fetches once for those who open and those who run', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    await Promise.all([fixture.open(model), fixture.run(model)])
    expect(fixture.origin.reads).toHaveLength(part / chunkBytes)
    expect([fixture.inMemory(model), fixture.onDisk(model)]).toEqual([true, true])
  })

  it('fetches for the disk again when the fetch it joined kept the files in memory only', async () => {
    const [model, other] = [onnx('a'), onnx('b', part)]
    // Conversion needs the files on disk; an open is content with memory when the disk is taken.
    await using fixture = await withModels([model, other], { diskLimitBytes: 3 * part })
    using _held = fixture.cache.hold(other.id)
    await fixture.run(other)
    const [open, run] = await Promise.allSettled([fixture.open(model), fixture.run(model)])
    expect(open.status).toBe('fulfilled')
    expect(run).toMatchObject({ status: 'rejected', reason: { code: 'DISK_FULL' } })
    expect([fixture.inMemory(model), fixture.onDisk(model)]).toEqual([true, false])
  })

  it('fetches a blob of two models once, though both are wanted at the same time', async () => {
    const shared = bytesOf(part, 'shared')
    const a = modelOf({ 'a.bin': bytesOf(part, 'a'), 'shared.bin': shared })
    const b = modelOf({ 'b.bin': bytesOf(part, 'b'), 'shared.bin': shared })
    await using fixture = await withModels([a, b])
    await Promise.all([fixture.open(a), fixture.open(b)])
    expect(fixture.origin.reads).toHaveLength((3 * part) / chunkBytes)
    expect([fixture.inMemory(a), fixture.inMemory(b)]).toEqual([true, true])
  })

  it('reads it from disk when only memory was lost', async () => {
    const model = opaque('a')
    await using fixture = await withModels([model])
    await fixture.open(model)
    expect(await fixture.cache.release(model.id)).toBe(true)
    fixture.origin.reads.length = 0
    expect(await fixture.open(model)).toEqual({ source: 'disk' })
    expect(fixture.origin.reads).toEqual([])
  })

  it('keeps the model in memory alone when the disk tier is off', async () => {
    const model = opaque('a')
    await using fixture = await withModels([model], { diskLimitBytes: 0 })
    await fixture.open(model)
    expect(fixture.announced()).toEqual({ [model.id]: 'memory' })
    await expect(fixture.run(onnx('b'))).rejects.toMatchObject({ code: 'TOO_LARGE', details: { tier: 'disk' } })
  })

  it('takes a model of exactly the memory limit, and says TOO_LARGE one page above it, before anything is evicted', async () => {
    const [small, exact, large] = [opaque('s'), opaque('e', 2 * part), opaque('l', 2 * part + 1)]
    await using fixture = await withModels([small, exact, large], { memoryLimitBytes: 2 * part })
    await fixture.open(small)
    const refused = { code: 'TOO_LARGE', details: { tier: 'memory', neededBytes: 2 * part + 4096 } }
    await expect(fixture.open(large)).rejects.toMatchObject(refused)
    expect(fixture.evicted).toEqual([])
    await fixture.open(exact)
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(2 * part)
  })

  it('takes every model out of memory that has a blob, unless one of them is in use', async () => {
    const shared = bytesOf(part, 'shared')
    const a = modelOf({ 'a.bin': bytesOf(part, 'a'), 'shared.bin': shared })
    const b = modelOf({ 'b.bin': bytesOf(part, 'b'), 'shared.bin': shared })
    const blob = blobIdOf(a.manifest.files.find(({ path }) => path === 'shared.bin')!)
    await using fixture = await withModels([a, b])
    await fixture.open(a)
    await fixture.open(b)
    const hold = fixture.cache.hold(b.id)
    expect(await fixture.cache.dropFromMemory(blob)).toBe(false)
    hold[Symbol.dispose]()
    expect(await fixture.cache.dropFromMemory(blob)).toBe(true)
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  })

  it('says TOO_LARGE when the files fit one by one and not together', async () => {
    const model = modelOf({ a: bytesOf(part, 'a'), b: bytesOf(part, 'b'), c: bytesOf(part, 'c') })
    await using fixture = await withModels([model], { memoryLimitBytes: 2 * part })
    await expect(fixture.open(model)).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  })

  it('fetches on with no deadline of the first who asked', async () => {
    const model = opaque('a')
    await using fixture = await withModels([model], { hasOrigin: false })
    fixture.driving.peer('peer', [model.id])
    fixture.bulk.onGet = async (_node, { file, offsetBytes, sizeBytes, context }) => {
      expect(context).toEqual({ tenant: 'acme', deadlineMs: Number.POSITIVE_INFINITY })
      return model.blobs.get(file)!.subarray(offsetBytes, offsetBytes + sizeBytes)
    }
    await fixture.cache.ensureOpenable(model.id, model.manifest, { tenant: 'acme', deadlineMs: 1 })
    expect(fixture.bulk.requests).toHaveLength(part / chunkBytes)
  })

  it('resumes a fetch that failed, and gives up what it left when another model needs the room', async () => {
    const [model, other] = [opaque('a', 5 * part), onnx('b', 3 * part)]
    await using fixture = await withModels([model, other], { diskLimitBytes: 10 * part, memoryLimitBytes: 8 * part })
    const fail = async () => {
      // A fetch asks for nothing more once a chunk is nowhere: what there is has been asked for by then.
      const rest = Promise.withResolvers<void>()
      let restCount = (4 * part) / chunkBytes
      fixture.origin.onRead = async (bytes, { offsetBytes }) => {
        if (offsetBytes < 4 * part) {
          restCount -= 1
          if (restCount === 0) rest.resolve()
          return bytes
        }
        await rest.promise
        throw new HoldfastError('ORIGIN_NOT_FOUND', 'gone')
      }
      let end: string | null = null
      fixture.open(model).catch(({ code }) => {
        end = code
      })
      while (end === null) {
        fixture.driving.driver.dispatch({ kind: 'tick' })
        fixture.driving.clock.advance(100)
        await new Promise((resolve) => setImmediate(resolve))
      }
      fixture.origin.onRead = async (bytes) => bytes
      expect([end, fixture.store.stats().tiers.disk.usedBytes]).toEqual(['NO_SOURCE', 5 * part])
      fixture.origin.reads.length = 0
    }
    await fail()
    await fixture.open(model)
    expect(fixture.origin.reads).toHaveLength(part / chunkBytes)
    await fixture.cache.release(model.id)
    await fixture.store.dropDisk(blobIdOf(model.manifest.files[0]!))
    await fail()
    // 3 for its file, 3 for its derived form: only one of them fits beside the 5.
    await fixture.run(other)
    expect(fixture.store.stats().tiers.disk.usedBytes).toBe(6 * part + 4096)
    expect(fixture.evicted.filter((line) => line.startsWith('disk'))).toEqual([])
  })

  it('shows what is under way, and nothing when it has ended', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    const states = new Set<string | undefined>()
    const look = () => states.add(fixture.cache.loading(model.id)?.state)
    fixture.origin.onRead = async (bytes) => {
      look()
      return bytes
    }
    fixture.runtime.onDerive = async () => void look()
    fixture.runtime.onLoad = async () => void look()
    await fixture.run(model)
    expect(states).toEqual(new Set(['fetching', 'deriving', 'loading']))
    expect(fixture.cache.loading(model.id)).toBe(null)
    await fixture.open(model)
    expect(fixture.cache.loading(model.id)).toBe(null)
  })
})

describe('eviction', () => {
  it('frees exactly what the least recent model takes', async () => {
    const models = ['a', 'b', 'c', 'd', 'e'].map((name) => opaque(name))
    await using fixture = await withModels(models)
    for (const model of models) {
      await fixture.open(model)
      fixture.driving.clock.advance(1_000)
    }
    expect(models.map((model) => fixture.inMemory(model))).toEqual([false, true, true, true, true])
    expect(fixture.evicted).toEqual([`memory ${models[0]!.id} least-recent`])
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(4 * part)
    expect(fixture.announced()[models[0]!.id]).toBe('disk')
  })

  it('never takes a model that is held', async () => {
    const [a, b] = [opaque('a', 3 * part), opaque('b', 2 * part)]
    await using fixture = await withModels([a, b])
    await fixture.open(a)
    const hold = fixture.cache.hold(a.id)
    await expect(fixture.open(b)).rejects.toMatchObject({ code: 'MEMORY_FULL', details: { tier: 'memory' } })
    expect(fixture.inMemory(a)).toBe(true)
    hold[Symbol.dispose]()
    await fixture.open(b)
    expect([fixture.inMemory(a), fixture.inMemory(b)]).toEqual([false, true])
  })

  it('never takes a model that a client has open', async () => {
    const [a, b] = [opaque('a', 3 * part), opaque('b', 2 * part)]
    await using fixture = await withModels([a, b])
    await fixture.open(a)
    const client = await connectStore(fixture.socketPath)
    const opened = await client.open(`sha256:${a.id}`)
    await expect(fixture.open(b)).rejects.toMatchObject({ code: 'MEMORY_FULL' })
    expect(opened.file('weights.bin').sizeBytes).toBe(3 * part)
    expect(await fixture.cache.release(a.id)).toBe(false)
    client.close()
    await fixture.leases.untilFree(blobIdOf(a.manifest.files[0]!))
    await fixture.open(b)
    expect([fixture.inMemory(a), fixture.inMemory(b)]).toEqual([false, true])
  })

  it('takes an idle model that shares a file with one that a client has open, and leaves that file', async () => {
    const shared = bytesOf(4096, 'shared')
    const [a, b, c] = ['a', 'b', 'c'].map((name) =>
      modelOf({ 'w.bin': bytesOf(part, name), 'config.json': shared }),
    ) as [TestModel, TestModel, TestModel]
    await using fixture = await withModels([a, b, c], { memoryLimitBytes: 2 * part + 4096 })
    await fixture.open(a)
    await fixture.open(b)
    const client = await connectStore(fixture.socketPath)
    await client.open(`sha256:${a.id}`)
    await fixture.open(c)
    expect([fixture.inMemory(a), fixture.inMemory(b), fixture.inMemory(c)]).toEqual([true, false, true])
    expect(fixture.evicted).toEqual([`memory ${b.id} least-recent`])
    client.close()
  })

  it.each(['cut short', 'missing'])('fetches in the same call what is %s on disk', async (what) => {
    const model = opaque('m')
    await using fixture = await withModels([model])
    await fixture.open(model)
    await fixture.cache.release(model.id)
    const path = fixture.store.diskPathOf(blobIdOf(model.manifest.files[0]!))!
    if (what === 'missing') rmSync(path)
    else truncateSync(path, 100)
    expect(await fixture.open(model)).toMatchObject({ source: 'origin' })
    expect([fixture.inMemory(model), fixture.onDisk(model)]).toEqual([true, true])
  })

  it.each(['derived form', 'source'])('runs in the same call when the %s is cut short on disk', async (what) => {
    const model = onnx('m')
    await using fixture = await withModels([model])
    if (what === 'source') await fixture.cache.ensureHeld(model.id, model.manifest, anyone)
    else await fixture.run(model)
    await fixture.cache.release(model.id)
    const { form, spec } = fixture.table.get(model.id)!
    const blob = what === 'source' ? spec.files[0]!.id : form!.id
    truncateSync(fixture.store.diskPathOf(blob)!, 100)
    await fixture.run(model)
    expect([fixture.cache.isRunnable(model.id), fixture.onDisk(model)]).toEqual([true, true])
  })

  it('fetches in the same call what has other bytes on disk, and shows nobody the wrong ones', async () => {
    const model = opaque('m')
    await using fixture = await withModels([model])
    await fixture.open(model)
    await fixture.cache.release(model.id)
    flipByte(fixture.store.diskPathOf(blobIdOf(model.manifest.files[0]!))!)
    expect(await fixture.open(model)).toMatchObject({ source: 'origin' })
    const { id, sizeBytes } = fixture.table.get(model.id)!.spec.files[0]!
    const bytes = Buffer.from((await fixture.store.read(id, 0, sizeBytes))!)
    expect(bytes.equals([...model.blobs.values()][0]!)).toBe(true)
    expect(fixture.onDisk(model)).toBe(true)
  })

  it.each([
    ['form', true],
    ['form', false],
    ['source', true],
    ['source', false],
    ['form and source', true],
  ])('runs in the same call when the %s has other bytes on disk (reads verified: %s)', async (what, verifiesReads) => {
    const model = onnx('m')
    await using fixture = await withModels([model], { verifiesReads })
    await fixture.run(model)
    await fixture.cache.release(model.id)
    const { form, spec } = fixture.table.get(model.id)!
    const [source, made] = [spec.files[0]!.id, form!.id].map((id) => fixture.store.diskPathOf(id)!)
    // What the runtime and the converter say of bytes that are none.
    const isWrong = (path: string | null) => path !== null && readFileSync(path).includes('damaged')
    fixture.runtime.onLoad = async (id) => {
      if (isWrong(fixture.store.diskPathOf(toBlobId(id)))) throw new HoldfastError('BAD_MODEL_FILE', 'No model.')
    }
    fixture.runtime.onDerive = async () => {
      if (isWrong(source!)) throw new HoldfastError('BAD_MODEL_FILE', 'No model.')
    }
    if (what.includes('form')) writeFileSync(made!, 'damaged', { flag: 'r+' })
    if (what.includes('source')) {
      writeFileSync(source!, 'damaged', { flag: 'r+' })
      if (what === 'source') await fixture.store.dropDisk(form!.id)
    }
    await fixture.run(model)
    expect(fixture.cache.isRunnable(model.id)).toBe(true)
    expect(await fixture.store.verifyDisk(spec.files[0]!.id, cutOf(model.manifest.files[0]!))).not.toBeNull()
    expect(fixture.table.get(model.id)!.form!.id).toBe(form!.id)
  })

  it('never takes a model with queued work', async () => {
    const [a, b] = [onnx('a', 3 * part), opaque('b', 2 * part)]
    await using fixture = await withModels([a, b])
    const { runtimeDigest } = await fixture.run(a)
    fixture.runtime.queuedWork.set(runtimeDigest, 1)
    await expect(fixture.open(b)).rejects.toMatchObject({ code: 'MEMORY_FULL' })
    expect(fixture.cache.isRunnable(a.id)).toBe(true)
    fixture.runtime.queuedWork.clear()
    await fixture.open(b)
    expect(fixture.cache.isRunnable(a.id)).toBe(false)
    expect(fixture.runtime.unloads).toEqual([runtimeDigest])
  })

  it('lets a request for a model that is going wait, and then brings it back', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    await fixture.run(model)
    const unloading = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    fixture.runtime.onUnload = async () => {
      unloading.resolve()
      await goOn.promise
    }
    const released = fixture.cache.release(model.id)
    await unloading.promise
    const again = fixture.run(model)
    expect(await fixture.cache.release(model.id)).toBe(false)
    goOn.resolve()
    expect(await released).toBe(true)
    expect(await again).toMatchObject({ source: 'disk' })
    expect(fixture.runtime.loadedDigests.size).toBe(1)
  })

  it('keeps a blob that another model in memory has too', async () => {
    const shared = bytesOf(part, 'shared')
    const a = modelOf({ 'a.bin': bytesOf(part, 'a'), 'shared.bin': shared })
    const b = modelOf({ 'b.bin': bytesOf(part, 'b'), 'shared.bin': shared })
    await using fixture = await withModels([a, b])
    await fixture.open(a)
    await fixture.open(b)
    expect(await fixture.cache.release(a.id)).toBe(true)
    expect([fixture.inMemory(a), fixture.inMemory(b)]).toEqual([false, true])
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(2 * part)
    expect(await fixture.cache.release(b.id)).toBe(true)
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  })

  it('frees the files of two models that have all of them in common with the last of the two', async () => {
    const bytes = bytesOf(part, 'same')
    const [a, b] = [modelOf({ 'w.bin': bytes }, { note: 'a' }), modelOf({ 'w.bin': bytes }, { note: 'b' })]
    const large = opaque('large', 4 * part)
    await using fixture = await withModels([a, b, large], { diskLimitBytes: 4 * part })
    await fixture.open(a)
    await fixture.open(b)
    await fixture.open(large)
    expect(fixture.store.stats()).toMatchObject({
      tiers: { memory: { usedBytes: 4 * part }, disk: { usedBytes: 4 * part } },
    })
    expect([...fixture.table.all()].map(({ spec }) => spec.model)).toEqual([large.id])
  })

  it('unloads a session that two models share with the last of them', async () => {
    const bytes = bytesOf(part, 'same')
    const [a, b] = [modelOf({ 'model.onnx': bytes }, { note: 'a' }), modelOf({ 'model.onnx': bytes }, { note: 'b' })]
    await using fixture = await withModels([a, b])
    const [one, two] = [await fixture.run(a), await fixture.run(b)]
    expect(two.runtimeDigest).toBe(one.runtimeDigest)
    expect(await fixture.cache.release(a.id)).toBe(true)
    expect(fixture.runtime.unloads).toEqual([])
    expect([fixture.cache.isRunnable(a.id), fixture.cache.isRunnable(b.id)]).toEqual([false, true])
    expect(await fixture.cache.release(b.id)).toBe(true)
    expect(fixture.runtime.loadedDigests.size).toBe(0)
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  })

  it('does not take a shared blob from the disk while a model that needs it is on its way in', async () => {
    const shared = bytesOf(part, 'shared')
    const old = modelOf({ 'shared.bin': shared, 'old.bin': bytesOf(2 * part, 'old') })
    const weights = bytesOf(2 * part, 'fresh')
    const fresh = modelOf({ 'shared.bin': shared, 'weights.bin': weights, 'model.onnx': bytesOf(100, 'graph') })
    // Room for the one or the other, and two pages for the graph and its derived form.
    await using fixture = await withModels([old, fresh], { diskLimitBytes: 3 * part + 2 * 4096 })
    await fixture.open(old)
    await fixture.cache.release(old.id)
    await fixture.run(fresh)
    expect(fixture.onDisk(fresh)).toBe(true)
    expect(fixture.onDisk(old)).toBe(false)
  })

  it('evicts nothing when all that may go is not enough', async () => {
    const [small, held, large] = [opaque('s'), opaque('h', 2 * part), opaque('l', 3 * part)]
    await using fixture = await withModels([small, held, large])
    await fixture.open(small)
    await fixture.open(held)
    using _hold = fixture.cache.hold(held.id)
    await expect(fixture.open(large)).rejects.toMatchObject({ code: 'MEMORY_FULL' })
    expect(fixture.evicted.filter((line) => line.startsWith('memory'))).toEqual([])
    expect([fixture.inMemory(small), fixture.inMemory(held)]).toEqual([true, true])
  })

  it('takes what is idle in memory from a disk that holds nothing else', async () => {
    const models = ['a', 'b', 'c', 'd'].map((name) => onnx(name))
    await using fixture = await withModels(models, { memoryLimitBytes: 16 * part, diskLimitBytes: 6 * part })
    for (const model of models) expect((await fixture.run(model)).source).toBe('origin')
    expect(fixture.cache.isRunnable(models[3]!.id)).toBe(true)
    expect(fixture.table.get(models[0]!.id), 'gone from memory and disk').toBe(null)
  })

  it('forgets a model of which nothing is left', async () => {
    const models = ['a', 'b', 'c'].map((name) => opaque(name, 2 * part))
    await using fixture = await withModels(models, { memoryLimitBytes: 2 * part, diskLimitBytes: 4 * part })
    for (const model of models) await fixture.open(model)
    expect(fixture.table.get(models[0]!.id)).toBe(null)
    expect(Object.keys(fixture.announced()).sort()).toEqual([models[1]!.id, models[2]!.id].sort())
  })

  it('can take what a failed load left in memory', async () => {
    const [a, b] = [onnx('a', 3 * part), opaque('b', 2 * part)]
    await using fixture = await withModels([a, b])
    fixture.runtime.onLoad = async () => {
      throw new Error('no session')
    }
    await expect(fixture.run(a)).rejects.toThrow('no session')
    expect(fixture.cache.isRunnable(a.id)).toBe(false)
    await fixture.open(b)
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(2 * part)
  })
})

describe('derived forms', () => {
  it('are used again after a restart with the same runtime, and made again with another', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    await fixture.run(model)
    const takeUp = async () => {
      const rows = await fixture.restart()
      for (const { spec, form } of rows) fixture.table.add(spec, form)
      fixture.cache.start([...fixture.table.all()])
      fixture.residencies.length = 0
      return fixture.run(model)
    }
    expect((await takeUp()).source).toBe('disk')
    expect(fixture.runtime.derived).toHaveLength(1)
    fixture.runtime.version = 'v2'
    const before = fixture.table.get(model.id)!.form!.id
    await takeUp()
    expect(fixture.runtime.derived).toHaveLength(2)
    expect(fixture.store.blob(before)).toBe(null)
    expect(fixture.state.records.get(`model/${model.id}`)).toMatchObject({ derived: { fingerprint: 'v2' } })
    expect(fixture.origin.reads).toHaveLength(part / chunkBytes)
  })

  it('are refused for a model without a file to run, before anything is fetched', async () => {
    const model = opaque('a')
    await using fixture = await withModels([model])
    await expect(fixture.run(model)).rejects.toMatchObject({ code: 'NOT_RUNNABLE' })
    expect(fixture.origin.reads).toEqual([])
    expect(fixture.table.get(model.id)).toBe(null)
  })
})

describe('what others are told', () => {
  it('announces each change of residency once', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    fixture.cache.start([])
    await fixture.run(model)
    await fixture.open(model)
    await fixture.open(model)
    await fixture.cache.release(model.id)
    const tiers = fixture.residencies.map((models) => models.map(({ tier }) => tier))
    expect(tiers).toEqual([[], ['disk'], ['memory'], ['disk']])
  })

  it('tells the policies once per change', async () => {
    const model = onnx('a')
    await using fixture = await withModels([model])
    await fixture.run(model)
    const derivedBytes = part + 4096
    expect(fixture.memoryPolicy.told).toEqual([`insert ${derivedBytes}`])
    expect(fixture.diskPolicy.told).toEqual([`insert ${part}`, `insert ${part + derivedBytes}`])
    await fixture.open(model)
    await fixture.open(model)
    expect(fixture.memoryPolicy.told).toEqual([`insert ${derivedBytes}`, `insert ${part + derivedBytes}`])
    await fixture.cache.release(model.id)
    expect(fixture.memoryPolicy.told.at(-1)).toBe('remove')
    expect(fixture.memoryPolicy.told).toHaveLength(3)
  })
})
