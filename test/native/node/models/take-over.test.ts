/** A node starts on the disk and the records of a node of before the blob id, which named blobs by the sha256 of their files. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { toBlobId } from '../../../../common/types.ts'
import { derivedKey } from '../../../../node/models/derived-forms.ts'
import { ModelDirectory } from '../../../../node/models/model-directory.ts'
import { restoreModels } from '../../../../node/models/restore-models.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { blobIdOf, buildManifest } from '../../../../origin/index.ts'
import { bytesOf, chunkBytes, modelOf, sha256, type TestModel } from '../../../support/models.ts'
import { anyone, CacheFixture } from './fixture.ts'

const peers = { refs: async () => [], async *manifests() {} }
const weights = bytesOf(3 * chunkBytes + 5, 'weights')
const model = modelOf({ 'model.onnx': bytesOf(100_000, 'graph'), 'model.onnx.data': weights, empty: Buffer.alloc(0) })

async function restored(fixture: CacheFixture) {
  const { state, table, store } = fixture
  const ports = { origin: null, peers, state, clock: fixture.driving.clock, log: silentLog }
  const directory = new ModelDirectory(ports, { freshMs: 1_000, manifestsMax: 10 })
  return restoreModels({ directory, state, table, store, log: silentLog })
}

async function know(fixture: CacheFixture, ...models: readonly TestModel[]): Promise<void> {
  for (const { id, manifestBytes } of models) {
    await fixture.state.put(`manifest/${id}`, Buffer.from(manifestBytes).toString())
  }
}

/** Gives every file of the tier the name that it had before: a blob the sha256 of its bytes, a partial file that of its model's file. */
function nameAsBefore(diskPath: string, partials: ReadonlyMap<string, string> = new Map()): void {
  const blobs = join(diskPath, 'blobs')
  for (const entry of readdirSync(blobs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = createHash('sha256').update(readFileSync(path)).digest('hex')
    mkdirSync(join(blobs, name.slice(0, 2)), { recursive: true })
    renameSync(path, join(blobs, name.slice(0, 2), name))
  }
  for (const [id, name] of partials) renameSync(join(diskPath, 'partial', id), join(diskPath, 'partial', name))
}

async function formAsBefore(fixture: CacheFixture): Promise<void> {
  const { form } = fixture.table.get(model.id)!
  const bytes = await fixture.store.read(form!.id, 0, form!.sizeBytes)
  const { sizeBytes, fingerprint } = form!
  await fixture.state.put(derivedKey(model.id), { derived: { sha256: sha256(bytes!), sizeBytes, fingerprint } })
}

test('models and forms of an earlier version are used as they lie there: no byte is fetched, nothing is converted', async () => {
  await using fixture = await new CacheFixture().prepare()
  fixture.origin.add(model)
  await fixture.run(model)
  await know(fixture, model)
  await formAsBefore(fixture)
  const usedBytes = fixture.store.stats().tiers.disk.usedBytes
  await fixture.restart(nameAsBefore)
  fixture.origin.reads.length = 0

  const { rows, takenOver } = await restored(fixture)
  expect(takenOver).toBe(4)
  fixture.cache.start(rows)
  expect(fixture.onDisk(model)).toBe(true)
  expect(fixture.store.stats().tiers.disk.usedBytes).toBe(usedBytes)
  await fixture.run(model)
  await fixture.open(model)
  expect(fixture.origin.reads).toEqual([])
  expect(fixture.runtime.derived).toHaveLength(1)
  for (const file of model.manifest.files) {
    const bytes = await fixture.store.read(blobIdOf(file), 0, file.sizeBytes)
    expect(sha256(bytes!)).toBe(file.sha256)
  }

  await fixture.restart()
  expect(await restored(fixture), 'once is enough').toMatchObject({
    takenOver: 0,
    rows: [{ spec: { model: model.id } }],
  })
})

test('an interrupted fetch of an earlier version goes on with the chunks that it had', async () => {
  await using fixture = await new CacheFixture().prepare()
  fixture.origin.add(model)
  const file = model.manifest.files.find(({ path }) => path === 'model.onnx.data')!
  const fill = fixture.store.beginFill({ ...file, id: blobIdOf(file) }, { memory: false, disk: true })
  for (const index of [0, 2]) await fill.putChunk(index, weights.subarray(index * chunkBytes, (index + 1) * chunkBytes))
  await fill.abort({ keepPartial: true })
  await know(fixture, model)
  await fixture.restart((path) => nameAsBefore(path, new Map([[blobIdOf(file), file.sha256]])))
  const { rows } = await restored(fixture)
  fixture.cache.start(rows)
  await fixture.cache.ensureHeld(model.id, model.manifest, anyone)
  const places = fixture.origin.reads.filter((read) => read.file === file.sha256).map(({ offsetBytes }) => offsetBytes)
  expect(places.toSorted((a, b) => a - b)).toEqual([chunkBytes, 3 * chunkBytes])
})

test('a start that dies or fails in the middle loses nothing, and the next one goes on', async () => {
  await using fixture = await new CacheFixture().prepare()
  fixture.origin.add(model)
  await fixture.run(model)
  await know(fixture, model)
  await formAsBefore(fixture)
  await fixture.restart(nameAsBefore)
  fixture.origin.reads.length = 0
  const takeOver = fixture.store.takeOver.bind(fixture.store)
  fixture.store.takeOver = async (moves) => {
    // The record of the form has been written by now; of the files some have their new names.
    await takeOver(moves.slice(-2))
    throw new HoldfastError('DISK_FAILED', 'the disk is read-only now')
  }
  await restored(fixture)
  expect(fixture.store.blobs()).toHaveLength(4)

  await fixture.restart()
  const { rows, takenOver } = await restored(fixture)
  expect(takenOver).toBe(2)
  fixture.cache.start(rows)
  await fixture.run(model)
  expect(fixture.origin.reads).toEqual([])
  expect(fixture.runtime.derived).toHaveLength(1)
})

test('a manifest that states the sha256 of another file gets nothing of it', async () => {
  const honest = model.manifest.files.find(({ path }) => path === 'model.onnx.data')!
  const foreign = modelOf({ w: bytesOf(weights.length, 'foreign') }).manifest.files[0]!
  const forge = (stated: string) => {
    const { manifest, bytes, digest } = buildManifest([{ ...foreign, sha256: stated }])
    return { id: digest, manifest, manifestBytes: bytes, blobs: new Map() }
  }
  // The sha256 of a file, and the id of a blob that lies here under its new name already.
  const forged = [forge(honest.sha256), forge(blobIdOf(honest))]
  for (const change of [nameAsBefore, () => {}]) {
    await using fixture = await new CacheFixture().prepare()
    fixture.origin.add(model)
    await fixture.cache.ensureHeld(model.id, model.manifest, anyone)
    await know(fixture, model, ...forged)
    await fixture.restart(change)
    const { rows } = await restored(fixture)
    expect(rows.map(({ spec }) => spec.model)).toEqual([model.id])
    expect(fixture.onDisk(model)).toBe(true)
    expect(fixture.store.blob(blobIdOf(foreign))).toBe(null)
  }
})

test('what no known manifest names goes, as before', async () => {
  await using fixture = await new CacheFixture().prepare()
  fixture.origin.add(model)
  await fixture.cache.ensureHeld(model.id, model.manifest, anyone)
  await fixture.restart(nameAsBefore)
  expect(await restored(fixture)).toEqual({ rows: [], takenOver: 0 })
  expect(fixture.store.blobs()).toEqual([])
  expect(fixture.store.blob(toBlobId(model.manifest.files[0]!.sha256))).toBe(null)
})
