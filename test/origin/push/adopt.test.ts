import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adopt, gc, pull, removeRef } from '../../../origin/index.ts'
import { buildLocations, parseLocations } from '../../../origin/manifest/locations.ts'
import { noise, OriginFixture, safetensors, sha256 } from '../fixture.ts'

const kiB = 1024
const weights = safetensors([
  { name: 'a', bytes: noise('a', 40 * kiB) },
  { name: 'b', bytes: noise('b', 9 * kiB * kiB) },
])

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
  const source = await fixture.model('m', {
    'model.safetensors': weights,
    'sub/config.json': '{}',
    empty: '',
    '.git/x': 'x',
  })
  await fixture.store.put('seed', [])
  await cp(source, join(fixture.originFolder, 'plain/m'), { recursive: true })
})
afterEach(() => fixture.remove())

const from = (path: string) => `${fixture.store.url}/${path}`
const adoptPlain = (path = 'plain/m') =>
  adopt({ from: from(path), name: 'acme/plain', origin: fixture.origin, publisherKey: fixture.publisherKey })

describe('adopt', () => {
  test('gives the model that a push gives, without a copy of a byte', async () => {
    const result = await adoptPlain()
    expect(await fixture.objectKeys('objects/')).toEqual([])
    const destination = fixture.path('out')
    expect(await pull({ name: 'acme/plain', origin: fixture.origin, destination })).toMatchObject({ files: 3 })
    const pushed = await fixture.push(fixture.path('m'), 'acme/pushed')
    expect(pushed.digest).toBe(result.digest)
    // Pushes do not build on what is not the origin's own.
    expect(pushed.newBytes).toBe(weights.length + 2)
  })

  test('takes a single file', async () => {
    expect(await adoptPlain('plain/m/model.safetensors')).toMatchObject({ files: 1, totalBytes: weights.length })
  })

  test('keeps the files through rm and gc', async () => {
    await adoptPlain()
    await gc({ origin: fixture.origin, graceMs: 0 })
    await pull({ name: 'acme/plain', origin: fixture.origin, destination: fixture.path('out') })
    await removeRef(fixture.origin, { namespace: 'acme', name: 'plain', tag: 'latest' })
    expect(await gc({ origin: fixture.origin, graceMs: 0 })).toMatchObject({ manifestsDeleted: 1, packsDeleted: 0 })
    expect(await fixture.objectKeys('plain/m/sub/')).toEqual(['plain/m/sub/config.json'])
  })

  test('is damaged, not wrong, when the owner changes a file', async () => {
    await adoptPlain()
    await writeFile(join(fixture.originFolder, 'plain/m/model.safetensors'), noise('other', weights.length))
    const pulling = pull({ name: 'acme/plain', origin: fixture.origin, destination: fixture.path('out') })
    await expect(pulling).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  test.each([
    { id: 'a folder elsewhere', url: () => `file://${fixture.path('m')}` },
    { id: 'a folder above', url: () => from('..') },
    { id: 'a sibling with the same beginning', url: () => `${fixture.store.url}-other` },
    { id: 'its own records', url: () => from('refs') },
    { id: 'another kind of store', url: () => 's3://bucket/path' },
    { id: 'what is no URL', url: () => 'plain/m' },
  ])('refuses $id', async ({ url }) => {
    const adopting = async () => adopt({ from: url(), name: 'acme/x', origin: fixture.origin })
    await expect(adopting()).rejects.toMatchObject({ code: 'BAD_ORIGIN_URL' })
  })

  test('says that there is nothing', async () => {
    await expect(adoptPlain('plain/none')).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
  })
})

describe('locations outside of the prefix', () => {
  const extent = { object: 'other/file', offsetBytes: 0, sizeBytes: 5, base: 'bucket' as const }
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value))
  const record = (schema: string, changed: object) =>
    encode({ schema, files: [{ sha256: sha256('x'), extents: [{ ...extent, ...changed }] }] })

  test('have a schema of their own, so that older readers refuse them instead of reading elsewhere', () => {
    const bytes = buildLocations(new Map([[sha256('x'), [extent]]]))
    expect(parseLocations(bytes)).toMatchObject({ schema: 'holdfast.locations.v2', files: [{ extents: [extent] }] })
    const { base: _, ...inside } = extent
    expect(parseLocations(buildLocations(new Map([[sha256('x'), [inside]]]))).schema).toBe('holdfast.locations.v1')
  })

  test.each([
    { id: 'a base in version 1', bytes: record('holdfast.locations.v1', {}) },
    { id: 'another base', bytes: record('holdfast.locations.v2', { base: 'root' }) },
    { id: 'a base that is no string', bytes: record('holdfast.locations.v2', { base: ['bucket'] }) },
    { id: 'a path out of the bucket', bytes: record('holdfast.locations.v2', { object: '../x' }) },
    { id: 'an absolute key', bytes: record('holdfast.locations.v2', { object: '/x' }) },
    { id: 'a version to come', bytes: record('holdfast.locations.v3', {}) },
  ])('refuses $id', ({ bytes }) => {
    expect(() => parseLocations(bytes)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test('cannot be read where there is nothing around the origin', async () => {
    const { digest, manifest } = await adoptPlain().then(({ digest }) =>
      fixture.origin.resolveReference(`sha256:${digest}`),
    )
    const places = new Map(
      manifest.files.map(
        (file) => [file.sha256, file.sizeBytes === 0 ? [] : [{ ...extent, sizeBytes: file.sizeBytes }]] as const,
      ),
    )
    await fixture.store.put(`locations/${digest}.json`, [buildLocations(places)])
    const pulling = pull({ name: 'acme/plain', origin: fixture.origin, destination: fixture.path('out') })
    await expect(pulling).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  })
})
