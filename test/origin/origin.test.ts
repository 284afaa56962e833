import { rename, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Extent, Locations } from '../../origin/index.ts'
import {
  buildLocations,
  checkLocations,
  mergeExtents,
  parseLocations,
  sliceExtents,
} from '../../origin/manifest/locations.ts'
import { noise, OriginFixture, sha256 } from './fixture.ts'

const kiB = 1024
const content = noise('content', 300 * kiB)
const file = sha256(content)

let fixture: OriginFixture
let model: string
beforeEach(async () => {
  fixture = await OriginFixture.create({ cachedLocationsMax: 2 })
  model = (await fixture.push(await fixture.model('m', { 'a.bin': 'small', 'weights.bin': content }), 'acme/m:v1'))
    .digest
})
afterEach(() => fixture.remove())

const read = async (offsetBytes: number, sizeBytes: number) =>
  Buffer.from(await fixture.origin.readRange(model, file, { offsetBytes, sizeBytes }))

/** Moves the bytes of `weights.bin` to objects of 100 KiB, as a repacking would. */
async function repack(): Promise<Extent[]> {
  const extents: Extent[] = []
  for (let offset = 0; offset < content.length; offset += 100 * kiB) {
    const piece = content.subarray(offset, offset + 100 * kiB)
    const object = `objects/repacked/${offset}`
    await fixture.store.put(object, [Buffer.from('head'), piece, Buffer.from('tail')])
    extents.push({ object, offsetBytes: 4, sizeBytes: piece.length })
  }
  const small = (await fixture.origin.readLocations(model)).files.find(({ sha256 }) => sha256 !== file)!
  const places = new Map([
    [small.sha256, small.extents],
    [file, extents],
  ])
  await fixture.store.put(`locations/${model}.json`, [buildLocations(places)])
  return extents
}

describe('Origin', () => {
  test('resolves names and digests, and says UNKNOWN_MODEL for the rest', async () => {
    const { ref, manifest } = await fixture.origin.resolve('acme/m:v1')
    expect(ref.manifest).toBe(model)
    expect(await fixture.origin.resolveReference(`sha256:${model}`)).toEqual({ digest: model, ref: null, manifest })
    expect(await fixture.origin.resolveReference('acme/m:v1')).toEqual({ digest: model, ref, manifest })
    await expect(fixture.origin.resolve('acme/m')).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    await expect(fixture.origin.resolve('acme/../m')).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
    await expect(fixture.origin.readManifest(sha256('no'))).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
  })

  test('does not take one manifest for another', async () => {
    const bytes = (await fixture.store.get(`manifests/${model}.json`, { sizeBytesMax: 10_000 }))!.bytes
    await fixture.store.put(`manifests/${sha256('x')}.json`, [bytes])
    await expect(fixture.origin.readManifest(sha256('x'))).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
  })

  test('lists every tag, the broken ones too', async () => {
    await fixture.push(fixture.path('m'), 'acme/m:v2')
    await fixture.store.put('refs/acme/broken/v1', [Buffer.from('rubbish')])
    await fixture.store.put('refs/acme/endless/v1', [Buffer.alloc(10_000)])
    await fixture.store.put('refs/README', [Buffer.from('not a ref')])
    const listed = await Array.fromAsync(fixture.origin.listModels())
    const rows = listed.map(({ name, ref }) => `${name.name}:${name.tag} ${ref?.manifest === model}`)
    expect(rows.sort()).toEqual(['broken:v1 false', 'endless:v1 false', 'm:v1 true', 'm:v2 true'])
  })

  test.each([
    { id: 'the whole', offset: 0, size: 300 * kiB },
    { id: 'the first byte', offset: 0, size: 1 },
    { id: 'the last byte', offset: 300 * kiB - 1, size: 1 },
    { id: 'nothing', offset: 5, size: 0 },
    { id: 'the middle', offset: 99 * kiB, size: 2 * kiB },
    { id: 'across three extents', offset: 50 * kiB, size: 200 * kiB },
  ])('reads $id, also when extents split it', async ({ offset, size }) => {
    const expected = sha256(content.subarray(offset, offset + size))
    expect(sha256(await read(offset, size))).toBe(expected)
    await repack()
    for (const key of await fixture.objectKeys('objects/packs/')) await fixture.store.delete(key)
    expect(sha256(await read(offset, size))).toBe(expected)
  })

  test('looks where things lie now when objects were rewritten since', async () => {
    await read(0, 10)
    await repack()
    for (const key of await fixture.objectKeys('objects/packs/')) await fixture.store.delete(key)
    expect(sha256(await read(0, 300 * kiB))).toBe(file)
  })

  test.each([
    { id: 'beyond the end', offset: 300 * kiB, size: 1 },
    { id: 'over the end', offset: 0, size: 300 * kiB + 1 },
  ])('refuses a range $id', async ({ offset, size }) => {
    await expect(read(offset, size)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  test('says what is missing or cut', async () => {
    const range = { offsetBytes: 0, sizeBytes: 1 }
    await expect(fixture.origin.readRange(model, sha256('no'), range)).rejects.toMatchObject({
      code: 'ORIGIN_NOT_FOUND',
    })
    await expect(fixture.origin.readRange(sha256('no'), file, range)).rejects.toMatchObject({
      code: 'ORIGIN_NOT_FOUND',
    })
    const [pack] = await fixture.objectKeys('objects/packs/')
    await truncate(join(fixture.originFolder, pack!), 200 * kiB)
    await expect(read(0, 300 * kiB)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(await read(0, 10)).toEqual(content.subarray(0, 10))
    await fixture.store.delete(pack!)
    await expect(read(0, 10)).rejects.toMatchObject({ code: 'ORIGIN_NOT_FOUND' })
  })

  test('is usable again after it was away', async () => {
    await rename(fixture.originFolder, fixture.path('away'))
    await expect(read(0, 10)).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    await expect(fixture.origin.resolve('acme/m:v1')).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    await rename(fixture.path('away'), fixture.originFolder)
    expect(await read(0, 10)).toEqual(content.subarray(0, 10))
  })

  test('refuses locations that do not fit the manifest', async () => {
    await fixture.store.put(`locations/${model}.json`, [buildLocations(new Map())])
    await expect(read(0, 10)).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  })

  test('refuses a record that would make a flood of requests of one range', async () => {
    const extents = Array.from({ length: 300 }, (_, i) => ({ object: `objects/${i}`, offsetBytes: 0, sizeBytes: kiB }))
    const small = (await fixture.origin.readLocations(model)).files.find(({ sha256 }) => sha256 !== file)!
    const flood = new Map<string, readonly Extent[]>([
      [small.sha256, small.extents],
      [file, extents],
    ])
    await fixture.store.put(`locations/${model}.json`, [buildLocations(flood)])
    await expect(read(0, 300 * kiB)).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
  })

  test('an aborted reader does not fail another who waits for the same record', async () => {
    const controller = new AbortController()
    const range = { offsetBytes: 0, sizeBytes: 10 }
    const aborted = fixture.origin.readRange(model, file, range, { signal: controller.signal })
    const other = fixture.origin.readRange(model, file, range)
    controller.abort()
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(Buffer.from(await other)).toEqual(content.subarray(0, 10))
  })
})

describe('locations', () => {
  const extent = (change: Record<string, unknown> = {}) => ({
    object: 'objects/x',
    offsetBytes: 0,
    sizeBytes: 5,
    ...change,
  })
  const recordOf = (...files: unknown[]) => Buffer.from(JSON.stringify({ schema: 'holdfast.locations.v1', files }))

  test.each([
    { id: 'no JSON', bytes: Buffer.from('{') },
    { id: 'another schema', bytes: Buffer.from('{"schema":"x","files":[]}') },
    { id: 'an unknown field', bytes: recordOf({ sha256: file, extents: [], extra: 1 }) },
    { id: 'a file twice', bytes: recordOf({ sha256: file, extents: [] }, { sha256: file, extents: [] }) },
    { id: 'no sha256', bytes: recordOf({ sha256: '../x', extents: [] }) },
    { id: 'an object outside', bytes: recordOf({ sha256: file, extents: [extent({ object: '../../etc/passwd' })] }) },
    { id: 'an absolute object', bytes: recordOf({ sha256: file, extents: [extent({ object: '/etc/passwd' })] }) },
    { id: 'a negative offset', bytes: recordOf({ sha256: file, extents: [extent({ offsetBytes: -1 })] }) },
    { id: 'an empty extent', bytes: recordOf({ sha256: file, extents: [extent({ sizeBytes: 0 })] }) },
    { id: 'an end beyond 2^53', bytes: recordOf({ sha256: file, extents: [extent({ offsetBytes: 2 ** 53 - 1 })] }) },
  ])('with $id are refused', ({ bytes }) => {
    expect(() => parseLocations(bytes)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })

  test('join extents that touch, and slice them apart again', () => {
    const extents = [
      { object: 'a', offsetBytes: 10, sizeBytes: 5 },
      { object: 'a', offsetBytes: 15, sizeBytes: 5 },
      { object: 'b', offsetBytes: 20, sizeBytes: 5 },
      { object: 'a', offsetBytes: 20, sizeBytes: 5 },
    ]
    const merged = mergeExtents(extents)
    expect(merged).toEqual([{ object: 'a', offsetBytes: 10, sizeBytes: 10 }, extents[2], extents[3]])
    expect(sliceExtents(merged, 9, 3)).toEqual([
      { object: 'a', offsetBytes: 19, sizeBytes: 1 },
      { object: 'b', offsetBytes: 20, sizeBytes: 2 },
    ])
    expect(sliceExtents(merged, 20, 1)).toEqual([])
  })

  test('must have every file of the manifest, at its size', async () => {
    const { manifest } = await fixture.origin.resolve('acme/m:v1')
    const locations = await fixture.origin.readLocations(model)
    expect(() => checkLocations(locations, manifest)).not.toThrow()
    const short: Locations = { ...locations, files: locations.files.map((f) => ({ ...f, extents: [extent()] })) }
    expect(() => checkLocations(short, manifest)).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
  })
})
