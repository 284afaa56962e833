import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { BlobId } from '../../../../common/types.ts'
import { createStore } from '../../../../native/index.ts'
import type { Store } from '../../../../native/types.ts'
import { Scrubber } from '../../../../node/admin/scrubber.ts'
import { formChunkBytes, formCut } from '../../../../node/models/blob-files.ts'
import type { BlobFacts } from '../../../../node/models/index.ts'
import { silentLog } from '../../../../node/system/log.ts'
import { until } from '../../../support/until.ts'

let folder: string
let store: Store
beforeEach(() => {
  facts.clear()
  folder = mkdtempSync(join(tmpdir(), 'hf-scrub-'))
  const limits = { memoryLimitBytes: 2 ** 20, diskLimitBytes: 2 ** 20, connectionsMax: 4, leasesPerConnectionMax: 4 }
  const paths = { socketPath: join(folder, 's.sock'), diskPath: join(folder, 'disk') }
  store = createStore({ ...paths, ...limits }, { onOpenMiss() {}, onLease() {} })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const facts = new Map<BlobId, BlobFacts>()
const blobFacts = () => facts

const dropFromMemory = async (blob: BlobId): Promise<boolean> => store.dropMemory(blob)

function damage(blob: BlobId): void {
  const path = store.diskPathOf(blob)!
  writeFileSync(path, readFileSync(path).fill(0))
}

async function addBlob(text: string): Promise<BlobId> {
  const path = join(folder, 'source')
  writeFileSync(path, text)
  const { id, sizeBytes } = await store.importFile(path, formChunkBytes)
  const stated = [{ model: 'm', path: text, sha256: createHash('sha256').update(text).digest('hex') }]
  facts.set(id, { cut: formCut(sizeBytes), stated })
  return id
}

it('removes a blob that a disk has damaged, names it, and leaves the others', async () => {
  const good = await addBlob('good')
  const damaged = await addBlob('to be damaged')
  damage(damaged)
  const removals: number[] = []
  const damages: number[] = []
  const scrubber = new Scrubber({
    store,
    dropFromMemory,
    blobFacts,
    onRemoved: () => removals.push(1),
    onDamaged: () => damages.push(1),
    log: silentLog,
  })

  expect(scrubber.last()).toBeNull()
  expect(scrubber.begin()).toMatchObject({ state: 'running', blobs: 2, totalBytes: 17, doneBytes: 0 })
  expect(scrubber.begin()).toBe(scrubber.last())
  await until('the scrub ends', () => scrubber.last()?.state === 'done')

  expect(scrubber.last()).toMatchObject({ doneBytes: 17, bad: [damaged], misstated: [], error: null })
  expect([removals, damages]).toEqual([[1], [1]])
  expect(store.blob(good)).toMatchObject({ isIn: { disk: true } })
  expect(store.blob(damaged)?.isIn.disk ?? false).toBe(false)
  store.checkInvariants()
  const left = readdirSync(join(folder, 'disk', 'blobs'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  expect(left.map(({ name }) => name)).toEqual([good])
})

it('takes what is wrong in memory too out of there, keeps what is right, and says what is in use', async () => {
  const right = await addBlob('right')
  const wrong = await addBlob('wrong')
  const used = await addBlob('in use')
  await store.promote(right)
  for (const blob of [right, wrong, used]) damage(blob)
  for (const blob of [wrong, used]) await store.promote(blob)
  const scrubber = new Scrubber({
    store,
    dropFromMemory: async (blob) => blob !== used && store.dropMemory(blob),
    blobFacts,
    onRemoved: () => undefined,
    onDamaged: () => undefined,
    log: silentLog,
  })
  scrubber.begin()
  await until('the scrub ends', () => scrubber.last()?.state === 'done')
  expect(scrubber.last()?.bad.toSorted()).toEqual([right, wrong, used].toSorted())
  expect(scrubber.last()?.badInUse).toEqual([used])
  expect([right, wrong, used].map((blob) => store.blob(blob)?.isIn.memory ?? false)).toEqual([true, false, true])
})

it('names a file of which the manifest states another sha256 than it has, and keeps its blob', async () => {
  const honest = await addBlob('honest')
  const lied = await addBlob('lied about')
  const stated = { model: 'm', path: 'weights', sha256: createHash('sha256').update('honest').digest('hex') }
  facts.set(lied, { ...facts.get(lied)!, stated: [...facts.get(lied)!.stated, stated] })
  const scrubber = new Scrubber({
    store,
    dropFromMemory,
    blobFacts,
    onRemoved: () => undefined,
    onDamaged: () => undefined,
    log: silentLog,
  })
  scrubber.begin()
  await until('the scrub ends', () => scrubber.last()?.state === 'done')
  const actual = createHash('sha256').update('lied about').digest('hex')
  expect(scrubber.last()).toMatchObject({ bad: [], misstated: [{ ...stated, actual }] })
  expect([honest, lied].map((id) => store.blob(id)?.isIn.disk)).toEqual([true, true])
})

it('passes over a blob that no model has, such as a form that is being made', async () => {
  const path = join(folder, 'source')
  writeFileSync(path, 'form')
  const { id } = await store.importFile(path, 1)
  const scrubber = new Scrubber({
    store,
    dropFromMemory,
    blobFacts,
    onRemoved: () => undefined,
    onDamaged: () => undefined,
    log: silentLog,
  })
  scrubber.begin()
  await until('the scrub ends', () => scrubber.last()?.state === 'done')
  expect(scrubber.last()).toMatchObject({ bad: [], doneBytes: 4 })
  expect(store.blob(id)).not.toBeNull()
})
