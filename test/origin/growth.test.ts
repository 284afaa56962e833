/** What an origin of many models asks of its store: a push as much as ever, and what looks at all models so much per model. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdir, readdir, utimes } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildManifest, encodeRef, gc, Origin, push, signRef, verify } from '../../origin/index.ts'
import { buildLocations } from '../../origin/manifest/locations.ts'
import { ChunkIndex } from '../../origin/push/chunk-index.ts'
import { refKey } from '../../origin/refs/ref.ts'
import { CountingObjectStore } from '../support/counting-object-store.ts'
import { OriginFixture, sha256 } from './fixture.ts'

const publisherKey = generateKeyPairSync('ed25519').privateKey

/** Records as a push of each model would leave them. */
async function grown(modelCount: number, key: KeyObject): Promise<Origin> {
  const store = new CountingObjectStore()
  const index = new ChunkIndex(store)
  for (let i = 0; i < modelCount; i++) {
    const content = `weights of ${i}`
    const chunk = { sha256: sha256(content), sizeBytes: content.length }
    const extent = { object: `objects/packs/${'0'.repeat(32)}-${i}`, offsetBytes: 0, sizeBytes: content.length }
    const { digest, bytes } = buildManifest([{ path: 'a', ...chunk, chunks: [chunk] }])
    const name = { namespace: 'acme', name: `m${i}`, tag: 'latest' }
    await store.put(extent.object, [Buffer.from(content)])
    await store.put(`manifests/${digest}.json`, [bytes])
    await store.put(`locations/${digest}.json`, [buildLocations(new Map([[chunk.sha256, [extent]]]))])
    await store.put(refKey(name), [encodeRef(signRef({ name, manifest: digest, sequence: 1 }, key))])
    index.add(chunk.sha256, extent)
  }
  await index.commit()
  return new Origin(store)
}

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
})
afterEach(() => fixture.remove())

describe('an origin of 3,000 models, beside one of 100', () => {
  test('answers a push, ls, gc and verify with operations in proportion', async () => {
    const source = await fixture.model('new', { 'a.bin': 'new', 'b.bin': 'weights of 7' })
    const costs = []
    for (const modelCount of [100, 3000]) {
      const origin = await grown(modelCount, publisherKey)
      const store = origin.store as CountingObjectStore
      const list = async () => {
        for await (const { ref } of origin.listModels()) await origin.readManifest(ref!.manifest)
      }
      costs.push({
        push: await store.count(() => push({ source, name: 'acme/new', origin, publisherKey })),
        pushAgain: await store.count(() => push({ source, name: 'acme/new', origin, publisherKey })),
        ls: (await store.count(list)) / modelCount,
        gc: (await store.count(() => gc({ origin, graceMs: 0 }))) / modelCount,
        verify: (await store.count(() => verify({ origin }))) / modelCount,
      })
    }
    const [small, large] = costs
    expect(large).toMatchObject({ push: small!.push, pushAgain: small!.pushAgain })
    for (const what of ['ls', 'gc', 'verify'] as const) expect(large![what]).toBeLessThanOrEqual(small![what] * 1.05)
  })
})

test('a push leaves nothing behind that the next one looks at', async () => {
  const source = await fixture.model('m', { a: 'x' })
  for (const name of ['acme/one', 'acme/two', 'acme/three']) await fixture.push(source, name)
  expect(await fixture.objectKeys('pushes/')).toEqual([])
  expect(await readdir(`${fixture.originFolder}`)).not.toContain('pushes')
})

test('folders that earlier versions left for each push go with the next listing, and young ones stay', async () => {
  await fixture.store.put('seed', [])
  const folder = (id: number) => `${fixture.originFolder}/pushes/${id.toString(16).padStart(32, '0')}`
  for (let id = 0; id < 5; id++) {
    await mkdir(folder(id), { recursive: true })
    if (id > 0) await utimes(folder(id), 1, 1)
  }
  await fixture.push(await fixture.model('m', { a: 'x' }), 'acme/m')
  expect(await readdir(`${fixture.originFolder}/pushes`)).toEqual(['0'.repeat(32)])
})
