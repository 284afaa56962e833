import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  canonicalBytes,
  defaultPublisherKeyPath,
  encodeRef,
  loadPublisherKey,
  parseRef,
  signRef,
} from '../../../origin/index.ts'
import { nameOfRefKey, refKey, salvageSequence } from '../../../origin/refs/ref.ts'
import { sha256 } from '../fixture.ts'

const key = generateKeyPairSync('ed25519').privateKey
const name = { namespace: 'acme', name: 'resnet50', tag: 'v3' }
const ref = signRef({ name, manifest: sha256('m'), sequence: 7 }, key)
const badRef = expect.objectContaining({ code: 'BAD_REF' })

describe('a ref', () => {
  test('reads back as it was signed', () => {
    expect(parseRef(encodeRef(ref), name)).toEqual(ref)
    expect(ref).toMatchObject({ model: 'acme/resnet50', tag: 'v3', sequence: 7, manifest: sha256('m') })
  })

  test.each([
    { id: 'another manifest', change: { manifest: sha256('other') } },
    { id: 'a higher sequence', change: { sequence: 8 } },
    { id: 'a sequence of 0', change: { sequence: 0 } },
    { id: 'a sequence of 2^53', change: { sequence: 2 ** 53 } },
    {
      id: 'another key',
      change: {
        publicKey: signRef({ name, manifest: sha256('m'), sequence: 7 }, generateKeyPairSync('ed25519').privateKey)
          .publicKey,
      },
    },
    { id: 'a key that is no key', change: { publicKey: 'AAAA' } },
    { id: 'a key that is no point', change: { publicKey: Buffer.alloc(32, 0xff).toString('base64') } },
    { id: 'an empty signature', change: { signature: '' } },
    { id: 'a signature of zeros', change: { signature: Buffer.alloc(64).toString('base64') } },
    { id: 'an unknown field', change: { extra: 1 } },
    { id: 'another schema', change: { schema: 'holdfast.ref.v2' } },
    { id: 'a digest that is none', change: { manifest: '../../etc/passwd' } },
  ])('with $id is refused', ({ change }) => {
    const bytes = Buffer.from(JSON.stringify({ ...ref, ...change }))
    expect(() => parseRef(bytes, name)).toThrow(badRef)
  })

  test.each([{ tag: 'v4' }, { name: 'resnet51' }, { namespace: 'other' }])(
    'is not good for another name: %j',
    (change) => {
      expect(() => parseRef(encodeRef(ref), { ...name, ...change })).toThrow(badRef)
    },
  )

  test.each(['', '{', 'null', 'x'.repeat(5000)])('is not %j', (text) => {
    expect(() => parseRef(Buffer.from(text), name)).toThrow(badRef)
  })

  test('tells its sequence even when it is broken otherwise', () => {
    expect(salvageSequence(canonicalBytes({ ...ref, signature: 'broken' }))).toBe(7)
    expect(salvageSequence(Buffer.from('rubbish'))).toBe(0)
    expect(salvageSequence(Buffer.from('{"sequence":99999999999999999999}'))).toBe(0)
  })

  test('has a key that leads back to its name, and no other key does', () => {
    expect(nameOfRefKey(refKey(name))).toEqual(name)
    for (const other of ['refs/a/b', 'refs/a/b/c/d', 'refs/A/b/c', 'refs/a/../c', 'objects/a/b/c']) {
      expect(nameOfRefKey(other)).toBeNull()
    }
  })
})

describe('the publisher key', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-key-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('is made once, for its owner only, also by many at once', async () => {
    const path = join(folder, 'holdfast', 'publisher.key')
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadPublisherKey(path)))
    const pems = new Set(keys.map((made) => made.export({ format: 'pem', type: 'pkcs8' })))
    expect(pems.size).toBe(1)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(folder, 'holdfast'))).toEqual(['publisher.key'])
  })

  test('lies where XDG has it', () => {
    expect(defaultPublisherKeyPath({ XDG_CONFIG_HOME: '/conf' })).toBe('/conf/holdfast/publisher.key')
    expect(defaultPublisherKeyPath({})).toMatch(/\/\.config\/holdfast\/publisher\.key$/)
    expect(defaultPublisherKeyPath({ XDG_CONFIG_HOME: 'relative' })).toMatch(/\/\.config\/holdfast\/publisher\.key$/)
  })

  test.each([
    { id: 'no key', pem: 'hello' },
    {
      id: 'an RSA key',
      pem: generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
    },
  ])('is not replaced when the file holds $id', async ({ pem }) => {
    const path = join(folder, 'publisher.key')
    await writeFile(path, pem)
    await expect(loadPublisherKey(path)).rejects.toMatchObject({ code: 'BAD_CONFIG' })
  })
})
