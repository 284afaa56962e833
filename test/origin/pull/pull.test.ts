import { link, mkdir, open, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildManifest, canonicalBytes, type PullOptions, pull } from '../../../origin/index.ts'
import { buildLocations } from '../../../origin/manifest/locations.ts'
import { partialName } from '../../../origin/pull/partial-file.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { noise, OriginFixture, sha256 } from '../fixture.ts'

const kiB = 1024
const big = noise('big', 20 * kiB * kiB)
const files = { 'config.json': '{}', 'deep/er/weights.bin': big, twin: 'twin', 'other/twin': 'twin', empty: '' }
const totalBytes = big.length + 10

const file = { path: 'deep/er/weights.bin', sizeBytes: 0, sha256: '', chunks: [] }

let fixture: OriginFixture
let out: string
let digest: string
beforeEach(async () => {
  fixture = await OriginFixture.create()
  out = fixture.path('out')
  const pack = { packBytesMax: 8 * kiB * kiB, uploadsConcurrent: 1 }
  digest = (await fixture.push(await fixture.model('m', files), 'acme/m', { pack })).digest
})
afterEach(() => fixture.remove())

const pullIt = (options: Partial<PullOptions> = {}) =>
  pull({ name: 'acme/m', origin: fixture.origin, destination: out, ...options })

/** Every file below a folder with its content's sha256. */
async function tree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found[path.slice(folder.length + 1)] = sha256(await readFile(path))
  }
  return found
}
const expectedTree = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(content)]))

/** The files under their names, without what lies hidden for a later pull. */
const visible = async () => Object.keys(await tree(out)).filter((path) => !path.startsWith('.holdfast-partial/'))

describe('pull', () => {
  test.each(['acme/m', 'digest'])('by %s brings every file as it was, and nothing else', async (name) => {
    const result = await pullIt({ name: name === 'digest' ? `sha256:${digest}` : name })
    expect(await tree(out)).toEqual(expectedTree)
    expect(await readdir(out)).not.toContain('.holdfast-partial')
    // The twins are fetched once.
    expect(result).toEqual({
      digest,
      destination: out,
      files: 5,
      totalBytes,
      fetchedBytes: totalBytes - 4,
      keptBytes: 4,
    })
  })

  test('a second time fetches nothing and touches no file', async () => {
    await pullIt()
    const before = await stat(join(out, 'deep/er/weights.bin'), { bigint: true })
    expect(await pullIt()).toMatchObject({ fetchedBytes: 0, keptBytes: totalBytes })
    expect(await stat(join(out, 'deep/er/weights.bin'), { bigint: true })).toMatchObject({
      ino: before.ino,
      mtimeNs: before.mtimeNs,
    })
  })

  test('goes on where an interrupted one was, and trusts none of its bytes unseen', async () => {
    const controller = new AbortController()
    const onProgress = ({ doneBytes }: { doneBytes: number }) => {
      if (doneBytes > 16 * kiB * kiB) controller.abort()
    }
    await expect(pullIt({ onProgress, signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(await visible()).not.toContain('deep/er/weights.bin')
    const partial = join(out, '.holdfast-partial', partialName({ ...file, sha256: sha256(big) }))
    expect((await stat(partial)).size).toBeGreaterThanOrEqual(16 * kiB * kiB)
    const bytes = await readFile(partial)
    bytes[9 * kiB * kiB]! ^= 1 // In the second chunk.
    await writeFile(partial, bytes)
    const result = await pullIt()
    expect(await tree(out)).toEqual(expectedTree)
    expect(result.fetchedBytes).toBeGreaterThanOrEqual(8 * kiB * kiB)
    expect(result.fetchedBytes).toBeLessThan(totalBytes - 8 * kiB * kiB)
  })

  test('replaces a partial file that is longer than it should be', async () => {
    await mkdir(join(out, '.holdfast-partial'), { recursive: true })
    await writeFile(
      join(out, '.holdfast-partial', partialName({ ...file, path: 'config.json', sha256: sha256('{}') })),
      'rubbish',
    )
    await pullIt()
    expect(await tree(out)).toEqual(expectedTree)
  })

  const obstacles: { id: string; make: () => Promise<unknown>; forceHelps: boolean }[] = [
    { id: 'a file of other content', make: () => writeFile(join(out, 'config.json'), '[]'), forceHelps: true },
    { id: 'a file of another size', make: () => writeFile(join(out, 'config.json'), 'longer'), forceHelps: true },
    { id: 'a symlink', make: () => symlink('/etc/hostname', join(out, 'config.json')), forceHelps: true },
    { id: 'a folder', make: () => mkdir(join(out, 'config.json')), forceHelps: false },
    { id: 'a file where a folder should be', make: () => writeFile(join(out, 'deep'), 'x'), forceHelps: false },
  ]
  test.each(obstacles)(
    'says PATH_CONFLICT before it fetches anything when $id is in the way',
    async ({ make, forceHelps }) => {
      await mkdir(out)
      await make()
      const before = await readdir(out, { recursive: true })
      await expect(pullIt()).rejects.toMatchObject({ code: 'PATH_CONFLICT' })
      expect(await readdir(out, { recursive: true })).toEqual(before)
      if (!forceHelps)
        return expect(pullIt({ force: true })).rejects.toMatchObject({
          code: 'PATH_CONFLICT',
          message: expect.not.stringContaining('with --force'),
        })
      await pullIt({ force: true })
      expect(await tree(out)).toEqual(expectedTree)
    },
  )

  test('does not overwrite what appeared while it ran', async () => {
    let writing: Promise<unknown> | null = null
    const getRange = fixture.store.getRange.bind(fixture.store)
    fixture.store.getRange = async (...args) => {
      if (args[0].startsWith('objects/')) writing ??= writeFile(join(out, 'config.json'), 'mine')
      await writing
      return getRange(...args)
    }
    await expect(pullIt()).rejects.toMatchObject({ code: 'PATH_CONFLICT' })
    expect(await readFile(join(out, 'config.json'), 'utf8')).toBe('mine')
  })

  test('does not follow a symlink out of its folder', async () => {
    await mkdir(fixture.path('elsewhere'))
    await mkdir(out)
    await symlink(fixture.path('elsewhere'), join(out, 'deep'))
    await expect(pullIt()).rejects.toMatchObject({ code: 'PATH_CONFLICT' })
    expect(Object.keys(await tree(fixture.path('elsewhere')))).toEqual([])
  })

  test.each([
    { id: 'a truncated pack', damage: (pack: string) => truncate(pack, 4 * kiB * kiB), codes: ['DIGEST_MISMATCH'] },
    { id: 'an empty pack', damage: (pack: string) => truncate(pack, 0), codes: ['DIGEST_MISMATCH'] },
    {
      id: 'a flipped bit',
      damage: async (pack: string) => {
        const bytes = await readFile(pack)
        bytes[bytes.length - 1]! ^= 1
        await writeFile(pack, bytes)
      },
      codes: ['DIGEST_MISMATCH'],
    },
    {
      id: 'a lost pack',
      damage: (pack: string) => fixture.store.delete(pack.slice(fixture.originFolder.length + 1)),
      codes: ['ORIGIN_NOT_FOUND'],
    },
  ])(
    'of $id fails with a typed error, leaves no half file, and goes through once it is healed',
    async ({ damage, codes }) => {
      for (const key of await fixture.objectKeys('objects/')) {
        const { size } = await stat(join(fixture.originFolder, key))
        if (size === 8 * kiB * kiB) await damage(join(fixture.originFolder, key))
      }
      const error = await pullIt().then(
        () => null,
        (thrown: { code: string }) => thrown,
      )
      expect(codes).toContain(error?.code)
      const found = await tree(out)
      for (const path of await visible()) expect(found[path]).toBe(expectedTree[path])
      expect(found).not.toHaveProperty('deep/er/weights.bin')
      for (const key of await fixture.objectKeys('objects/')) await fixture.store.delete(key)
      await fixture.push(fixture.path('m'), 'acme/m')
      await pullIt()
      expect(await tree(out)).toEqual(expectedTree)
    },
  )

  test('refuses a file whose right chunks are not the file that the manifest names', async () => {
    const chunk = { sha256: sha256('chunk'), sizeBytes: 5 }
    const lie = buildManifest([{ path: 'x', sizeBytes: 5, sha256: sha256('other'), chunks: [chunk] }])
    await fixture.store.put('objects/lie', [Buffer.from('chunk')])
    await fixture.store.put(`manifests/${lie.digest}.json`, [lie.bytes])
    const places = new Map([[sha256('other'), [{ object: 'objects/lie', offsetBytes: 0, sizeBytes: 5 }]]])
    await fixture.store.put(`locations/${lie.digest}.json`, [buildLocations(places)])
    await expect(pullIt({ name: `sha256:${lie.digest}` })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' })
    expect(await tree(out)).toEqual({})
  })

  test('writes nothing for a manifest that would write elsewhere', async () => {
    const escaping = canonicalBytes({
      schema: 'holdfast.manifest.v1',
      annotations: {},
      files: [{ path: '../escaped', sizeBytes: 0, sha256: sha256(''), chunks: [] }],
    })
    await fixture.store.put(`manifests/${sha256(escaping)}.json`, [escaping])
    await expect(pullIt({ name: `sha256:${sha256(escaping)}` })).rejects.toMatchObject({ code: 'BAD_MANIFEST' })
    expect(await readdir(fixture.folder)).not.toContain('escaped')
  })

  test('follows no link below its folder, not even to a folder in it, and makes nothing behind one', async () => {
    await mkdir(fixture.path('elsewhere'))
    await mkdir(join(out, 'real'), { recursive: true })
    for (const target of [fixture.path('elsewhere'), 'real']) {
      await symlink(target, join(out, 'deep'))
      await expect(pullIt({ force: true })).rejects.toMatchObject({
        code: 'PATH_CONFLICT',
        details: { path: join(out, 'deep') },
      })
      expect(await readdir(fixture.path('elsewhere'))).toEqual([])
      await rm(join(out, 'deep'))
    }
    await symlink(fixture.path('elsewhere'), join(out, '.holdfast-partial'))
    await expect(pullIt()).rejects.toMatchObject({ code: 'PATH_CONFLICT' })
    expect(await readdir(fixture.path('elsewhere'))).toEqual([])
  })

  test('leaves the other name of a hard-linked file as it is', async () => {
    const name = partialName((await fixture.origin.resolve('acme/m')).manifest.files[0]!)
    await mkdir(join(out, '.holdfast-partial'), { recursive: true })
    await writeFile(fixture.path('mine'), '[]')
    await link(fixture.path('mine'), join(out, 'config.json'))
    await writeFile(fixture.path('also mine'), 'xy')
    await link(fixture.path('also mine'), join(out, '.holdfast-partial', name))
    await pullIt({ force: true })
    expect(await tree(out)).toEqual(expectedTree)
    expect(await readFile(fixture.path('mine'), 'utf8')).toBe('[]')
    expect(await readFile(fixture.path('also mine'), 'utf8')).toBe('xy')
  })

  test('fetches a chunk once that a file has many times, and keeps holes', async () => {
    const source = await fixture.model('sparse', { 'end.bin': '' })
    const same = noise('same', 8 * kiB * kiB)
    await writeFile(join(source, 'repeats.bin'), Buffer.concat([same, noise('x', 8 * kiB * kiB), same, same, same]))
    const handle = await open(join(source, 'sparse.bin'), 'w')
    await handle.write(noise('middle', 1000), 0, 1000, 50 * kiB * kiB)
    await handle.truncate(100 * kiB * kiB + 17)
    await handle.close()
    await fixture.push(source, 'acme/sparse')
    let readBytes = 0
    const getRange = fixture.store.getRange.bind(fixture.store)
    fixture.store.getRange = (key, range, options) => {
      if (key.startsWith('objects/')) readBytes += range.sizeBytes
      return getRange(key, range, options)
    }
    const openRange = fixture.origin.openRange.bind(fixture.origin)
    fixture.origin.openRange = (model, file, range, options) => {
      readBytes += range.sizeBytes
      return openRange(model, file, range, options)
    }
    const { fetchedBytes } = await pullIt({ name: 'acme/sparse' })
    expect(await tree(out)).toEqual(await tree(source))
    // Of repeats.bin two chunks; of sparse.bin the hole, the chunk with the data, and the rest at the end.
    expect(readBytes).toBe(4 * 8 * kiB * kiB + 4 * kiB * kiB + 17)
    expect(fetchedBytes).toBe(readBytes)
    expect((await stat(join(out, 'sparse.bin'))).blocks * 512).toBeLessThan(kiB * kiB)
  })

  test.each([
    { id: 'a file', destination: () => fixture.path('m/config.json') },
    { id: 'below a file', destination: () => fixture.path('m/config.json/out') },
    { id: 'a name too long for the file system', destination: () => fixture.path('n'.repeat(300)) },
  ])('says PATH_CONFLICT, with the path, when its folder is $id', async ({ destination }) => {
    await expect(pullIt({ destination: destination() })).rejects.toMatchObject({
      code: 'PATH_CONFLICT',
      message: expect.stringContaining(destination()),
    })
  })

  test('says DISK_FULL, with the path, when its disk is full, and goes on from there when it is not', async ({
    skip,
  }) => {
    using disk = SmallDisk.mount(fixture.path('small'), 16 * kiB * kiB)
    if (disk.reason !== null) return skip(disk.reason)
    const destination = join(disk.path, 'out')
    const full = pullIt({ destination })
    await expect(full).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { path: join(destination, 'deep/er/weights.bin'), errno: 'ENOSPC' },
    })
    expect(await readdir(join(destination, 'deep/er'))).toEqual([])
    disk.resize(64 * kiB * kiB)
    const { keptBytes } = await pullIt({ destination })
    expect(keptBytes).toBeGreaterThan(8 * kiB * kiB)
    expect(await tree(destination)).toEqual(expectedTree)
    disk.setReadOnly(true)
    await expect(pullIt({ destination: join(disk.path, 'other') })).rejects.toMatchObject({
      code: 'FILE_DENIED',
      details: { path: join(disk.path, 'other'), errno: 'EROFS' },
    })
  })

  test('three at once into one folder all succeed', async () => {
    await Promise.all([pullIt(), pullIt(), pullIt()])
    expect(await readdir(out)).not.toContain('.holdfast-partial')
    expect(await tree(out)).toEqual(expectedTree)
  })
})
