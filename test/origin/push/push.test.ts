import { appendFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../node/system/index.ts'
import { FileStore, Origin, type PushProgress, push } from '../../../origin/index.ts'
import { SmallDisk } from '../../support/small-disk.ts'
import { GgufBytes } from '../chunking/gguf-bytes.ts'
import { noise, OriginFixture, safetensors, sha256, type TestTensor } from '../fixture.ts'

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
})
afterEach(() => fixture.remove())

const kiB = 1024

describe('push', () => {
  test('puts a model where resolve finds it, hashed as it is', async () => {
    const weights = noise('weights', 300 * kiB)
    const source = await fixture.model('m', {
      'config.json': '{}',
      'sub/weights.bin': weights,
      empty: '',
      '.git/HEAD': 'x',
    })
    const result = await fixture.push(source, 'acme/m:v1')
    expect(result).toMatchObject({
      totalBytes: 300 * kiB + 2,
      newBytes: 300 * kiB + 2,
      reusedBytes: 0,
      files: 3,
      chunks: 2,
      moved: true,
    })
    const { ref, manifest } = await fixture.origin.resolve('acme/m:v1')
    expect(ref).toEqual(result.ref)
    expect(ref).toMatchObject({ manifest: result.digest, sequence: 1 })
    expect(manifest.files).toEqual([
      { path: 'config.json', sizeBytes: 2, sha256: sha256('{}'), chunks: [{ sha256: sha256('{}'), sizeBytes: 2 }] },
      { path: 'empty', sizeBytes: 0, sha256: sha256(''), chunks: [] },
      {
        path: 'sub/weights.bin',
        sizeBytes: weights.length,
        sha256: sha256(weights),
        chunks: [{ sha256: sha256(weights), sizeBytes: weights.length }],
      },
    ])
  })

  test('of a single file makes a model of that file', async () => {
    const folder = await fixture.model('m', { 'tiny.onnx': 'weights' })
    await fixture.push(join(folder, 'tiny.onnx'), 'acme/tiny')
    const { manifest } = await fixture.origin.resolve('acme/tiny')
    expect(manifest.files.map(({ path }) => path)).toEqual(['tiny.onnx'])
  })

  test('cuts a file of several chunks, whose hashes and its own are right', async () => {
    const big = noise('big', 17 * kiB * kiB)
    await fixture.push(await fixture.model('m', { 'big.bin': big }), 'acme/big')
    const { manifest } = await fixture.origin.resolve('acme/big')
    const [file] = manifest.files
    expect(file!.sha256).toBe(sha256(big))
    expect(file!.chunks.map((chunk) => chunk.sizeBytes / kiB / kiB)).toEqual([8, 8, 1])
    expect(file!.chunks[1]!.sha256).toBe(sha256(big.subarray(8 * kiB * kiB, 16 * kiB * kiB)))
  })

  test('a second time uploads nothing and leaves the ref as it is, also from another place and name', async () => {
    const files = { a: noise('a', 100 * kiB), 'b/c': 'text' }
    const first = await fixture.push(await fixture.model('m', files), 'acme/m')
    const objects = await fixture.objectKeys('objects/')
    const again = await fixture.push(await fixture.model('copy', files), 'acme/m')
    expect(again).toEqual({ ...first, newBytes: 0, reusedBytes: first.totalBytes, moved: false })
    const renamed = await fixture.push(await fixture.model('m', {}), 'other/name:x')
    expect(renamed).toMatchObject({ digest: first.digest, newBytes: 0, moved: true })
    expect(await fixture.objectKeys('objects/')).toEqual(objects)
  })

  test('raises the sequence when the tag moves, there and back', async () => {
    const one = await fixture.push(await fixture.model('one', { a: '1' }), 'acme/m')
    const two = await fixture.push(await fixture.model('two', { a: '2' }), 'acme/m')
    const back = await fixture.push(await fixture.model('one', {}), 'acme/m')
    expect([one, two, back].map(({ ref }) => ref.sequence)).toEqual([1, 2, 3])
    expect(back.digest).toBe(one.digest)
  })

  test('uploads a chunk once that occurs in many places', async () => {
    const same = noise('same', 50 * kiB)
    const result = await fixture.push(await fixture.model('m', { a: same, b: same, 'c/d': same, e: 'x' }), 'acme/m')
    expect(result).toMatchObject({ newBytes: same.length + 1, reusedBytes: 2 * same.length })
    expect(await objectBytes()).toBe(same.length + 1)
  })

  test('closes packs at their limit and reads across them', async () => {
    const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, noise(`f${i}`, 10 * kiB)]))
    const pack = { packBytesMax: 32 * kiB, uploadsConcurrent: 2 }
    await fixture.push(await fixture.model('m', files), 'acme/m', { pack })
    expect(await fixture.objectKeys('objects/packs/')).toHaveLength(7)
  })

  test('reports progress that rises to the whole', async () => {
    const seen: PushProgress[] = []
    const source = await fixture.model('m', { a: noise('a', 9 * kiB * kiB), b: 'x' })
    await fixture.push(source, 'acme/m', { onProgress: (progress) => seen.push(progress) })
    const done = seen.map(({ doneBytes }) => doneBytes)
    expect(done).toEqual(done.toSorted((x, y) => x - y))
    expect(seen.at(-1)).toMatchObject({
      doneBytes: 9 * kiB * kiB + 1,
      totalBytes: 9 * kiB * kiB + 1,
      filesDone: 2,
      filesTotal: 2,
    })
  })

  test('loses no index entry of pushes that run at the same time', async () => {
    const sources = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        fixture.model(
          `m${i}`,
          Object.fromEntries(Array.from({ length: 30 }, (_, j) => [`f${j}`, `content ${i} ${j}`])),
        ),
      ),
    )
    await Promise.all(sources.map((source, i) => fixture.push(source, `acme/m${i}`)))
    for (const source of sources) expect(await fixture.push(source, 'acme/again')).toMatchObject({ newBytes: 0 })
  })

  test('uploads again what the index names but the store has lost', async () => {
    const source = await fixture.model('m', { a: noise('a', 100 * kiB) })
    const first = await fixture.push(source, 'acme/m')
    for (const key of await fixture.objectKeys('objects/')) await fixture.store.delete(key)
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ newBytes: first.totalBytes, moved: false })
    await readBack('acme/m', 'a', noise('a', 100 * kiB))
  })

  test('heals a truncated pack', async () => {
    const source = await fixture.model('m', { a: noise('a', 100 * kiB), b: noise('b', 100 * kiB) })
    await fixture.push(source, 'acme/m')
    const [pack] = await fixture.objectKeys('objects/')
    await truncate(join(fixture.originFolder, pack!), 120 * kiB)
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ newBytes: 100 * kiB, reusedBytes: 100 * kiB })
    await readBack('acme/m', 'b', noise('b', 100 * kiB))
  })

  test('takes an unreadable index shard for an empty one and writes it anew', async () => {
    const source = await fixture.model('m', { a: 'x' })
    await fixture.push(source, 'acme/m')
    const [shard] = await fixture.objectKeys('chunks/')
    await fixture.store.put(shard!, [Buffer.from('{"schema":"rubbish"}')])
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ newBytes: 1 })
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ newBytes: 0 })
  })

  test('repairs a broken ref, above its sequence', async () => {
    const source = await fixture.model('m', { a: 'x' })
    const { ref } = await fixture.push(source, 'acme/m')
    await fixture.store.put('refs/acme/m/latest', [Buffer.from(JSON.stringify({ ...ref, sequence: 41 }))])
    await expect(fixture.origin.resolve('acme/m')).rejects.toMatchObject({ code: 'BAD_REF' })
    expect(await fixture.push(source, 'acme/m')).toMatchObject({ moved: true, ref: { sequence: 42 } })
  })

  test('says REF_CONFLICT when another push moved the tag meanwhile, and leaves it there', async () => {
    const source = await fixture.model('slow', { a: noise('slow', 9 * kiB * kiB) })
    const other = await fixture.model('other', { a: 'other' })
    let isOtherDone: Promise<unknown> | null = null
    const onProgress = () => {
      isOtherDone ??= fixture.push(other, 'acme/m')
    }
    // The barrier: the store holds back the slow push's pack until the other push is through.
    const put = fixture.store.put.bind(fixture.store)
    fixture.store.put = async (key, pieces, options) => {
      if (key.startsWith('objects/') && pieces[0]!.length > kiB * kiB) await isOtherDone
      return put(key, pieces, options)
    }
    await expect(fixture.push(source, 'acme/m', { onProgress })).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    const { manifest } = await fixture.origin.resolve('acme/m')
    expect(manifest.files[0]!.sha256).toBe(sha256('other'))
  })

  const changes: { id: string; change: (path: string) => Promise<unknown> }[] = [
    { id: 'grew', change: (path) => appendFile(path, 'more') },
    { id: 'shrank', change: (path) => truncate(path, 10) },
    { id: 'was overwritten', change: (path) => writeFile(path, noise('other', 20 * kiB * kiB)) },
    {
      id: 'was replaced',
      change: async (path) => {
        await writeFile(`${path}.new`, noise('other', 20 * kiB * kiB))
        await rename(`${path}.new`, path)
      },
    },
    { id: 'vanished', change: (path) => rm(path) },
  ]
  test.each(changes)('says FILE_CHANGED when a file $id while it was read', async ({ change }) => {
    const source = await fixture.model('m', { a: noise('a', 20 * kiB * kiB) })
    await expectChanged(source, change, (progress) => progress.doneBytes > 0)
  })
  test.each(changes)('says FILE_CHANGED when a file $id after it was read', async ({ change }) => {
    const source = await fixture.model('m', { a: noise('a', 20 * kiB * kiB), b: noise('b', 9 * kiB * kiB) })
    await expectChanged(source, change, (progress) => progress.path === 'b')
  })

  async function expectChanged(
    source: string,
    change: (path: string) => Promise<unknown>,
    when: (p: PushProgress) => boolean,
  ) {
    let changing: Promise<unknown> | null = null
    const store = fixture.store
    const [put, get] = [store.put.bind(store), store.get.bind(store)]
    // Every next step of the push waits for the change.
    store.put = async (...args) => {
      await changing
      return put(...args)
    }
    store.get = async (...args) => {
      await changing
      return get(...args)
    }
    const onProgress = (progress: PushProgress) => {
      if (when(progress)) changing ??= change(join(source, 'a'))
    }
    await expect(fixture.push(source, 'acme/m', { onProgress })).rejects.toMatchObject({ code: 'FILE_CHANGED' })
    expect(await fixture.objectKeys('refs/')).toEqual([])
    expect(await fixture.objectKeys('manifests/')).toEqual([])
  }

  test('stops when aborted, and leaves no ref', async () => {
    const controller = new AbortController()
    const source = await fixture.model('m', { a: noise('a', 20 * kiB * kiB) })
    const onProgress = (progress: PushProgress) => {
      if (progress.doneBytes > 0) controller.abort()
    }
    await expect(fixture.push(source, 'acme/m', { onProgress, signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(await fixture.objectKeys('refs/')).toEqual([])
  })

  test.each([
    { id: 'a folder without files', files: { '.hidden': 'x' }, code: 'BAD_REQUEST' },
    { id: 'a name with a backslash', files: { 'a\\b': 'x' }, code: 'BAD_REQUEST' },
    { id: 'a name with a newline', files: { 'a\nb': 'x' }, code: 'BAD_REQUEST' },
    {
      id: 'a Git LFS pointer',
      files: { 'model.gguf': 'version https://git-lfs.github.com/spec/v1' },
      code: 'BAD_MODEL_FILE',
    },
  ])('refuses $id and writes nothing', async ({ files, code }) => {
    const source = await fixture.model('m', files as unknown as Record<string, string>)
    await expect(fixture.push(source, 'acme/m')).rejects.toMatchObject({ code })
    expect(await fixture.objectKeys('')).toEqual([])
  })

  test('moves a file whose header cannot be read as plain bytes, and says so', async () => {
    const source = await fixture.model('m', { 'a.safetensors': 'x', 'b.GGUF': 'GGUF of no version', 'c.bin': 'c' })
    const { notes } = await fixture.push(source, 'acme/m')
    expect(notes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'plain-bytes a.safetensors',
      'plain-bytes b.GGUF',
    ])
    await readBack('acme/m', 'b.GGUF', Buffer.from('GGUF of no version'))
  })

  test('says DISK_FULL when the disk of the origin is, and leaves nothing half-written', async ({ skip }) => {
    using disk = SmallDisk.mount(fixture.path('small'), 12 * kiB * kiB)
    if (disk.reason !== null) return skip(disk.reason)
    const store = new FileStore(join(disk.path, 'origin'), { clock: systemClock, create: true })
    const source = await fixture.model('m', { a: noise('a', 20 * kiB * kiB) })
    const options = { source, name: 'acme/m', origin: new Origin(store), publisherKey: fixture.publisherKey }
    await expect(push(options)).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await readdir(join(disk.path, 'origin/.holdfast/tmp'))).toEqual([])
    const keys = []
    for await (const { key } of store.list('')) keys.push(key.split('/')[0])
    expect(new Set(keys).isSubsetOf(new Set(['objects', 'pushes']))).toBe(true)
    disk.resize(64 * kiB * kiB)
    expect(await push(options)).toMatchObject({ moved: true })
  })

  test('refuses what is not there', async () => {
    await expect(fixture.push(fixture.path('none'), 'acme/m')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(fixture.push(fixture.path('none'), '../m')).rejects.toMatchObject({ code: 'BAD_MODEL_NAME' })
  })

  test('follows symlinks inside the folder, and refuses those that leave it or go in circles', async () => {
    const source = await fixture.model('m', { 'blobs/x': 'content', 'y/z': 'z' })
    await symlink('blobs/x', join(source, 'link'))
    await symlink('y', join(source, 'folder-link'))
    await fixture.push(source, 'acme/m')
    const { manifest } = await fixture.origin.resolve('acme/m')
    expect(manifest.files.map(({ path }) => path)).toEqual(['blobs/x', 'folder-link/z', 'link', 'y/z'])
    for (const target of ['/etc/hostname', '..', '.', 'nowhere']) {
      await symlink(target, join(source, 'bad'))
      await expect(fixture.push(source, 'acme/m')).rejects.toMatchObject({
        code: 'BAD_REQUEST',
        details: { path: 'bad' },
      })
      await rm(join(source, 'bad'))
    }
  })

  async function objectBytes(): Promise<number> {
    let sum = 0
    for await (const { sizeBytes } of fixture.store.list('objects/')) sum += sizeBytes
    return sum
  }

  async function readBack(name: string, path: string, expected: Buffer): Promise<void> {
    const { ref, manifest } = await fixture.origin.resolve(name)
    const file = manifest.files.find((found) => found.path === path)!
    const range = { offsetBytes: 0, sizeBytes: file.sizeBytes }
    expect(sha256(await fixture.origin.readRange(ref.manifest, file.sha256, range))).toBe(sha256(expected))
  }
})

describe('a fine-tune', () => {
  /** Three shards of 24 large and 24 small tensors. */
  function shards(changed: ReadonlySet<string>, metadata?: Record<string, string>): Record<string, Buffer> {
    const files: Record<string, Buffer> = {}
    for (let shard = 0; shard < 3; shard++) {
      const tensors: TestTensor[] = []
      for (let layer = shard * 8; layer < shard * 8 + 8; layer++) {
        for (const [kind, sizeBytes] of [
          ['norm', 1 * kiB],
          ['weight', 200 * kiB + layer * 7],
        ] as const) {
          const name = `layers.${layer}.${kind}`
          tensors.push({ name, bytes: noise(changed.has(name) ? `tuned ${name}` : name, sizeBytes) })
        }
      }
      files[`model-${shard}.safetensors`] = safetensors(tensors, metadata)
    }
    return files
  }
  const tuned = new Set(['layers.3.weight', 'layers.11.weight', 'layers.11.norm', 'layers.23.weight'])

  test.each([
    { id: 'headers of the same length', metadata: undefined },
    {
      id: 'longer headers',
      metadata: { format: 'pt', note: 'the header of a fine-tune may say more than that of its base' },
    },
  ])('with $id uploads little more than what it changed', async ({ metadata }) => {
    const base = await fixture.push(await fixture.model('base', shards(new Set())), 'acme/base')
    const result = await fixture.push(await fixture.model('tuned', shards(tuned, metadata)), 'acme/tuned')
    const changedBytes = 3 * 200 * kiB + (3 + 11 + 23) * 7 + kiB
    expect(base.newBytes).toBe(base.totalBytes)
    expect(result.newBytes).toBeGreaterThanOrEqual(changedBytes)
    expect(result.newBytes).toBeLessThanOrEqual(1.2 * changedBytes)
  })

  test('of a GGUF file with more metadata uploads its header and what it changed', async () => {
    const gguf = (note: string, changed: number) => {
      const header = new GgufBytes().start({ tensors: 6, pairs: 1 }).text('note').u32(8).text(note)
      for (let i = 0; i < 6; i++) header.tensor(`t${i}`, [100 * kiB + 1], 24, i * (100 * kiB + 32))
      const parts = [header.align(32).build()]
      for (let i = 0; i < 6; i++) parts.push(noise(i === changed ? 'tuned' : `t${i}`, 100 * kiB + 1), Buffer.alloc(31))
      return Buffer.concat(parts)
    }
    await fixture.push(await fixture.model('base', { 'm.gguf': gguf('base', -1) }), 'acme/base')
    const result = await fixture.push(
      await fixture.model('tuned', { 'm.gguf': gguf('a longer note'.repeat(9), 3) }),
      'acme/tuned',
    )
    expect(result.newBytes).toBeLessThan(101 * kiB)
    expect(result.reusedBytes).toBe(5 * (100 * kiB + 32))
  })

  test('finds its chunks when the tensors lie in other shards', async () => {
    const tensors = Array.from({ length: 8 }, (_, i) => ({ name: `t${i}`, bytes: noise(`t${i}`, 100 * kiB) }))
    await fixture.push(await fixture.model('one', { 'model.safetensors': safetensors(tensors) }), 'acme/one')
    const split = {
      'a.safetensors': safetensors(tensors.slice(0, 3)),
      'b.safetensors': safetensors(tensors.slice(3).reverse()),
    }
    expect((await fixture.push(await fixture.model('two', split), 'acme/two')).newBytes).toBeLessThan(2 * kiB)
  })
})
