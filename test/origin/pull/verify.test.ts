import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { verify } from '../../../origin/index.ts'
import { noise, OriginFixture, sha256 } from '../fixture.ts'

const kiB = 1024
const MiB = kiB * kiB

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
  await fixture.push(await fixture.model('m', { big: noise('big', 17 * MiB), small: 'small' }), 'acme/m:v1')
  await fixture.push(await fixture.model('n', { same: noise('big', 17 * MiB) }), 'acme/n:v1')
})
afterEach(() => fixture.remove())

async function flipByte(key: string, offsetBytes: number): Promise<void> {
  const file = await open(join(fixture.originFolder, key), 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, offsetBytes)
  await file.write(Buffer.from([byte[0]! ^ 1]), 0, 1, offsetBytes)
  await file.close()
}

describe('verify', () => {
  test('finds nothing wrong in what was pushed, and reads shared files once', async () => {
    const reads: string[] = []
    const getRange = fixture.store.getRange.bind(fixture.store)
    fixture.store.getRange = async (key, range, options) => {
      if (key.startsWith('objects/')) reads.push(key)
      return getRange(key, range, options)
    }
    const bytes = 2 * 17 * MiB + 5
    expect(await verify({ origin: fixture.origin })).toEqual({ models: 2, files: 3, bytes, bad: [] })
    expect(reads).toHaveLength(4)
    expect(await verify({ origin: fixture.origin, name: 'acme/m:v1' })).toMatchObject({ models: 1, files: 2, bad: [] })
  })

  test('names the chunk, the file, the model and the object of a flipped bit', async () => {
    const [pack] = await fixture.objectKeys('objects/')
    await flipByte(pack!, 9 * MiB)
    const { bad } = await verify({ origin: fixture.origin, name: 'acme/m:v1' })
    expect(bad).toEqual([
      expect.objectContaining({
        model: 'acme/m:v1',
        path: 'big',
        offsetBytes: 8 * MiB,
        sizeBytes: 8 * MiB,
        objects: [pack],
        code: 'DIGEST_MISMATCH',
      }),
    ])
  })

  test('names what is missing: packs, records, refs', async () => {
    for (const key of await fixture.objectKeys('objects/')) await fixture.store.delete(key)
    const lost = await verify({ origin: fixture.origin, name: 'acme/m:v1' })
    expect(lost.bad.map(({ code }) => code)).toEqual(Array(4).fill('ORIGIN_NOT_FOUND'))
    await fixture.store.put('refs/acme/n/v1', [Buffer.from('rubbish')])
    await rm(join(fixture.originFolder, 'manifests'), { recursive: true })
    const codes = (await verify({ origin: fixture.origin })).bad.map(({ model, code }) => `${model} ${code}`)
    expect(codes.sort()).toEqual(['acme/m:v1 ORIGIN_NOT_FOUND', 'acme/n:v1 BAD_REF'])
  })

  test('says UNKNOWN_MODEL of what is not there', async () => {
    await expect(verify({ origin: fixture.origin, name: 'acme/x' })).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
    const gone = await verify({ origin: fixture.origin, name: `sha256:${sha256('no')}` })
    expect(gone.bad).toMatchObject([{ code: 'ORIGIN_NOT_FOUND' }])
  })
})
