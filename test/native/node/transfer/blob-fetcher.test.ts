import { describe, expect, it } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { specOf } from '../../../../node/models/model-table.ts'
import { blobIdOf } from '../../../../origin/index.ts'
import { bytesOf, chunkBytes, modelOf, sha256, type TestModel } from '../../../support/models.ts'
import { anyone, CacheFixture } from '../models/fixture.ts'

const parts = (count: number, seed: string) => bytesOf(count * chunkBytes, seed)

async function fetchInto(fixture: CacheFixture, model: TestModel, into = { memory: false, disk: true }) {
  const progress: number[] = []
  const { id, manifest } = model
  const onProgress = ({ doneBytes }: { doneBytes: number }) => progress.push(doneBytes)
  const request = { model: id, manifest, files: manifest.files, into, context: anyone, onProgress }
  const outcome = await fixture.fetcher.run(await fixture.fetcher.open(request))
  return { outcome, progress }
}

function fixtureOf(...models: TestModel[]): CacheFixture {
  const fixture = new CacheFixture()
  fixture.origin.add(...models)
  return fixture
}

/** Lets the core look at the time until the work has ended, well or not. */
async function drive<T>(fixture: CacheFixture, work: Promise<T>): Promise<T> {
  let isRunning = true
  const end = work.finally(() => {
    isRunning = false
  })
  end.catch(() => undefined)
  while (isRunning) {
    fixture.driving.driver.dispatch({ kind: 'tick' })
    fixture.driving.clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return end
}

describe('BlobFetcher', () => {
  it('brings every chunk, counts where it came from, and tells of each', async () => {
    const model = modelOf({ a: parts(3, 'a'), b: parts(2, 'b') })
    await using fixture = fixtureOf(model)
    const { outcome, progress } = await fetchInto(fixture, model)
    expect(outcome).toEqual({ peer: 0, origin: 5 * chunkBytes, local: 0 })
    expect(progress).toEqual([0, 1, 2, 3, 4, 5].map((count) => count * chunkBytes))
    expect(fixture.onDisk(model)).toBe(true)
  })

  it('asks once for a chunk that occurs twice, in one file and in two', async () => {
    const same = parts(1, 'same')
    const model = modelOf({ a: Buffer.concat([same, same, parts(1, 'a')]), b: Buffer.concat([same, parts(1, 'b')]) })
    await using fixture = fixtureOf(model)
    const { outcome } = await fetchInto(fixture, model)
    expect(outcome.origin).toBe(3 * chunkBytes)
    expect(fixture.onDisk(model)).toBe(true)
  })

  it('copies the chunks that a fine-tune has in common with a base held here', async () => {
    const [head, tail] = [parts(6, 'head'), parts(1, 'tail')]
    const base = modelOf({ w: Buffer.concat([head, parts(1, 'old tail')]) })
    const tuned = modelOf({ w: Buffer.concat([tail, head]) })
    await using fixture = fixtureOf(base, tuned)
    fixture.table.add(specOf(base.id, base.manifest))
    await fetchInto(fixture, base)
    fixture.origin.reads.length = 0
    const { outcome } = await fetchInto(fixture, tuned)
    expect(outcome).toEqual({ peer: 0, origin: chunkBytes, local: 6 * chunkBytes })
    expect(fixture.origin.reads).toHaveLength(1)
  })

  it('fetches what a local blob turns out not to have', async () => {
    const [base, tuned] = [modelOf({ w: parts(2, 'a') }), modelOf({ w: Buffer.concat([parts(2, 'a'), parts(1, 'b')]) })]
    await using fixture = fixtureOf(base, tuned)
    await fetchInto(fixture, base)
    const blob = blobIdOf(base.manifest.files[0]!)
    // One chunk is not where the table says, one lies beyond the end of the blob.
    const places = [
      { blob, offsetBytes: chunkBytes },
      { blob, offsetBytes: 9 * chunkBytes },
    ]
    fixture.table.findLocalChunk = () => places.shift() ?? null
    fixture.origin.reads.length = 0
    const { outcome } = await fetchInto(fixture, tuned)
    expect(outcome).toEqual({ peer: 0, origin: 3 * chunkBytes, local: 0 })
    expect(fixture.onDisk(tuned)).toBe(true)
  })

  it('takes over what an interrupted fetch left', async () => {
    const model = modelOf({ a: parts(4, 'a') })
    await using fixture = fixtureOf(model)
    fixture.origin.onRead = async (bytes, { offsetBytes }) => {
      if (offsetBytes < 2 * chunkBytes) return bytes
      throw new HoldfastError('ORIGIN_NOT_FOUND', 'gone')
    }
    await expect(drive(fixture, fetchInto(fixture, model))).rejects.toMatchObject({ code: 'NO_SOURCE' })
    expect(fixture.store.blob(blobIdOf(model.manifest.files[0]!))).toBe(null)
    fixture.origin.onRead = async (bytes) => bytes
    const { outcome, progress } = await fetchInto(fixture, model)
    expect(outcome).toEqual({ peer: 0, origin: 2 * chunkBytes, local: 2 * chunkBytes })
    expect(progress.at(-1)).toBe(4 * chunkBytes)
  })

  it('drops a peer that sends wrong bytes, stores nothing of them and goes on elsewhere', async () => {
    const model = modelOf({ a: parts(4, 'a') })
    await using fixture = fixtureOf(model)
    fixture.driving.peer('liar', [model.id])
    fixture.bulk.onGet = async (_node, { sizeBytes }) => Buffer.alloc(sizeBytes, 7)
    const { outcome } = await fetchInto(fixture, model)
    expect(outcome).toEqual({ peer: 0, origin: 4 * chunkBytes, local: 0 })
    expect(fixture.driving.network.hungUp).toEqual(['liar'])
    const bytes = await fixture.store.read(blobIdOf(model.manifest.files[0]!), 0, 4 * chunkBytes)
    expect(sha256(bytes!)).toBe(model.manifest.files[0]!.sha256)
  })

  it('places nothing under the id of another file when a manifest gives foreign chunks its sha256', async () => {
    const victim = modelOf({ a: parts(2, 'victim') })
    const foreign = modelOf({ a: parts(2, 'foreign') })
    const [theirs, ours] = [foreign.manifest.files[0]!, victim.manifest.files[0]!]
    const lie = { ...theirs, sha256: ours.sha256 }
    const forged: TestModel = { ...foreign, manifest: { ...foreign.manifest, files: [lie] } }
    await using fixture = fixtureOf(victim, foreign)
    // The origin keeps the forged file where its manifest says.
    fixture.origin.onRead = async (_bytes, { file, offsetBytes }) =>
      foreign.blobs.get(file === ours.sha256 ? theirs.sha256 : file)!.subarray(offsetBytes, offsetBytes + chunkBytes)
    await fetchInto(fixture, forged)
    expect(fixture.store.blobs().map(({ id }) => id)).toEqual([blobIdOf(theirs)])
    expect(fixture.store.blob(blobIdOf(ours))).toBe(null)
    fixture.origin.onRead = async (bytes) => bytes
    const { outcome } = await fetchInto(fixture, victim)
    expect(outcome).toEqual({ peer: 0, origin: 2 * chunkBytes, local: 0 })
    const bytes = await fixture.store.read(blobIdOf(ours), 0, ours.sizeBytes)
    expect(sha256(bytes!)).toBe(ours.sha256)
  })

  it('ends at once with the error of the store when the disk cannot take a chunk', async () => {
    const model = modelOf({ a: parts(4, 'a') })
    await using fixture = fixtureOf(model)
    const begin = fixture.store.beginFill.bind(fixture.store)
    fixture.store.beginFill = (blob, into) => {
      const fill = begin(blob, into)
      const put = fill.putChunk.bind(fill)
      fill.putChunk = async (index, bytes) => {
        if (index === 2) throw new HoldfastError('DISK_FULL', 'no space left on the device')
        await put(index, bytes)
      }
      return fill
    }
    await expect(fetchInto(fixture, model)).rejects.toMatchObject({ code: 'DISK_FULL' })
    fixture.store.beginFill = begin
    const { outcome } = await fetchInto(fixture, model)
    expect(outcome.origin + outcome.local).toBe(4 * chunkBytes)
    expect(outcome.origin).toBeGreaterThan(0)
  })

  it('tells the cluster of a peer whose bulk engine is not reached, and of no other failure', async () => {
    const model = modelOf({ a: parts(2, 'a') })
    await using fixture = fixtureOf(model)
    fixture.driving.peer('gone', [model.id])
    fixture.driving.peer('busy', [model.id])
    const told: string[] = []
    const { driver } = fixture.driving
    const dispatch = driver.dispatch.bind(driver)
    driver.dispatch = (event) => {
      if (event.kind === 'call-failed') told.push(event.node)
      dispatch(event)
    }
    const asked = new Map(['gone', 'busy'].map((node) => [node, Promise.withResolvers<void>()]))
    fixture.bulk.onGet = async (node) => {
      asked.get(node)!.resolve()
      if (node === 'gone') throw new HoldfastError('PEER_UNREACHABLE', 'no route to it')
      throw new HoldfastError('OVERLOADED', 'it serves enough')
    }
    const fetching = fetchInto(fixture, model)
    // Before the clock moves, and with it pings that nobody answers here.
    await Promise.all([...asked.values()].map(({ promise }) => promise))
    await new Promise((resolve) => setImmediate(resolve))
    expect(new Set(told)).toEqual(new Set(['gone']))
    const { outcome } = await drive(fixture, fetching)
    expect(outcome.origin).toBe(2 * chunkBytes)
  })

  it('takes an error of a source for one of the source, though the store has it too', async () => {
    const model = modelOf({ a: parts(1, 'a') })
    await using fixture = fixtureOf(model)
    fixture.driving.peer('broken', [model.id])
    fixture.bulk.onGet = async () => {
      throw new HoldfastError('DISK_FAILED', 'my disk is broken')
    }
    const { outcome } = await drive(fixture, fetchInto(fixture, model))
    expect(outcome.origin).toBe(chunkBytes)
  })

  it('takes the room of all blobs or of none', async () => {
    const model = modelOf({ a: parts(10, 'a'), b: parts(10, 'b') })
    await using fixture = fixtureOf(model)
    await expect(fetchInto(fixture, model, { memory: true, disk: false })).rejects.toMatchObject({
      code: 'MEMORY_FULL',
    })
    expect(fixture.store.stats().tiers.memory.usedBytes).toBe(0)
  })

  it('does not wait for a slow source when another has delivered', async () => {
    const model = modelOf({ a: parts(1, 'a') })
    await using fixture = fixtureOf(model)
    const reading = Promise.withResolvers<void>()
    let isGivenUp = false
    fixture.origin.onRead = (_bytes, _place, signal) => {
      reading.resolve()
      const { promise, reject } = Promise.withResolvers<Uint8Array>()
      signal!.addEventListener('abort', () => {
        isGivenUp = true
        reject(signal!.reason)
      })
      return promise
    }
    fixture.bulk.onGet = async (_node, { file }) => model.blobs.get(file)!
    const fetching = fetchInto(fixture, model)
    await reading.promise
    fixture.driving.peer('peer', [model.id])
    const { outcome } = await drive(fixture, fetching)
    expect(outcome).toEqual({ peer: chunkBytes, origin: 0, local: 0 })
    expect(isGivenUp).toBe(true)
  })

  it('ends its chunks before its fills when the node stops', async () => {
    const model = modelOf({ a: parts(8, 'a') })
    await using fixture = fixtureOf(model)
    const reading = Promise.withResolvers<void>()
    fixture.origin.onRead = (_bytes, _place, signal) => {
      reading.resolve()
      return new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason)))
    }
    const fetching = fetchInto(fixture, model)
    await reading.promise
    fixture.driving.driver.stop()
    await expect(fetching).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await expect(fetchInto(fixture, model)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    expect(fixture.driving.clock.timerCount).toBe(0)
  })
})
