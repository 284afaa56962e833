import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../node/system/index.ts'
import { FileStore, openObjectStore } from '../../../../origin/index.ts'
import { FileLock } from '../../../../origin/stores/file/file-lock.ts'

const bytes = (text: string) => Buffer.from(text)
const small = { sizeBytesMax: 1000 }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-file-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('FileStore', () => {
  test('makes its folder at the first write when it may, but never the parent', async () => {
    const store = new FileStore(join(folder, 'new'), { clock: systemClock, create: true })
    expect(await store.get('a', small)).toBeNull()
    expect(await store.put('a/b', [bytes('x')])).toBe(true)
    expect(await readFile(join(folder, 'new', 'a', 'b'), 'utf8')).toBe('x')
    const orphan = new FileStore(join(folder, 'no', 'parent'), { clock: systemClock, create: true })
    await expect(orphan.put('a', [bytes('x')])).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    expect(await readdir(folder)).toEqual(['new'])
  })

  test.each([{ blocking: false }, { blocking: true }])(
    '$blocking: pipes and sockets are no objects, and hold nobody up',
    async ({ blocking }) => {
      const store = new FileStore(folder, { clock: systemClock, blocking })
      execFileSync('mkfifo', [join(folder, 'pipe')])
      const server = createServer().listen(join(folder, 'socket'))
      await once(server, 'listening')
      for (const key of ['pipe', 'socket']) {
        expect(await store.get(key, small)).toBeNull()
        expect(await store.getRange(key, { offsetBytes: 0, sizeBytes: 1 })).toBeNull()
        expect(await store.head(key)).toBeNull()
        expect(await store.openObject(key)).toBeNull()
      }
      server.close()
    },
  )

  const uses: { id: string; use: (store: FileStore) => Promise<unknown> }[] = [
    { id: 'get', use: (store) => store.get('a', small) },
    { id: 'getRange', use: (store) => store.getRange('a', { offsetBytes: 0, sizeBytes: 1 }) },
    { id: 'head', use: (store) => store.head('a') },
    { id: 'put', use: (store) => store.put('b/c', [bytes('x')]) },
    { id: 'delete', use: (store) => store.delete('a') },
    { id: 'list', use: (store) => Array.fromAsync(store.list('')) },
  ]
  test.each(uses)(
    '$id says ORIGIN_UNAVAILABLE when the folder is gone, and does not make it again',
    async ({ use }) => {
      const root = join(folder, 'origin')
      const store = new FileStore(root, { clock: systemClock, create: true })
      await store.put('a', [bytes('x')])
      await rename(root, join(folder, 'elsewhere'))
      await expect(use(store)).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
      expect(await readdir(folder)).toEqual(['elsewhere'])
      await rename(join(folder, 'elsewhere'), root)
      await use(store)
    },
  )

  test.each(uses)('$id says ORIGIN_UNAVAILABLE when the folder is a file', async ({ use }) => {
    await writeFile(join(folder, 'origin'), '')
    await expect(use(new FileStore(join(folder, 'origin'), { clock: systemClock }))).rejects.toMatchObject({
      code: 'ORIGIN_UNAVAILABLE',
    })
  })

  test('follows no symlink out of its folder, neither to read nor to write', async () => {
    const store = new FileStore(join(folder, 'origin'), { clock: systemClock, create: true })
    await store.put('a', [bytes('x')])
    await mkdir(join(folder, 'secret'))
    await writeFile(join(folder, 'secret', 'file'), 'secret')
    await symlink(join(folder, 'secret'), join(folder, 'origin', 'link'))
    await symlink(join(folder, 'secret', 'file'), join(folder, 'origin', 'link-to-file'))
    for (const key of ['link/file', 'link-to-file']) {
      await expect(store.get(key, small)).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
      await expect(store.getRange(key, { offsetBytes: 0, sizeBytes: 1 })).rejects.toMatchObject({
        code: 'ORIGIN_DENIED',
      })
    }
    await expect(store.put('link/new', [bytes('x')])).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
    await expect(store.delete('link/file')).rejects.toMatchObject({ code: 'ORIGIN_DENIED' })
    expect(await readdir(join(folder, 'secret'))).toEqual(['file'])
  })

  test('leaves no temporary file behind, whether it wrote or not', async () => {
    const store = new FileStore(folder, { clock: systemClock })
    await store.put('a', [bytes('x')])
    await store.put('a', [bytes('y')], { ifNoneMatch: '*' })
    await store.put('a', [bytes('y')], { ifMatch: 'other' })
    await expect(store.put('a/below-a-file', [bytes('y')])).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
    expect(await readdir(join(folder, '.holdfast', 'tmp'))).toEqual([])
  })

  test('loses no update of several processes that swap one object', async () => {
    const store = new FileStore(folder, { clock: systemClock })
    await store.put('counter', [bytes('0')])
    const children = [0, 1, 2].map(() =>
      spawn(process.execPath, [join(import.meta.dirname, 'increment-child.ts'), folder, '20'], { stdio: 'inherit' }),
    )
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]))
    expect(codes).toEqual([0, 0, 0])
    expect(Buffer.from((await store.get('counter', small))!.bytes).toString()).toBe('60')
  })
})

describe('FileLock', () => {
  test('is taken from a process that died with it', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data') // It holds the lock now.
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = new FileLock(folder, systemClock)
    await lock.acquire()
    expect(await lock.isStillHeld()).toBe(true)
    await lock.release()
  })

  test('is taken from a holder that is silent too long, who then knows that he lost it', async () => {
    const sleeper = new FileLock(folder, systemClock)
    await sleeper.acquire()
    const other = new FileLock(folder, systemClock, { staleMs: -1, pollMs: 1 })
    await other.acquire()
    expect(await sleeper.isStillHeld()).toBe(false)
    await sleeper.release() // Must not free what is another's now.
    expect(await other.isStillHeld()).toBe(true)
    await other.release()
  })

  test('lets one in at a time, and leaves one small file', async () => {
    let inside = 0
    const enter = async () => {
      const lock = new FileLock(folder, systemClock, { staleMs: 30_000, pollMs: 1 })
      await lock.acquire()
      inside++
      expect(inside).toBe(1)
      await readdir(folder)
      inside--
      await lock.release()
    }
    await Promise.all(Array.from({ length: 10 }, enter))
    expect(await readdir(folder)).toEqual(['20'])
  })

  test('stops waiting when aborted', async () => {
    const holder = new FileLock(folder, systemClock)
    await holder.acquire()
    const controller = new AbortController()
    const waiting = new FileLock(folder, systemClock).acquire(controller.signal)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    await holder.release()
  })
})

describe('openObjectStore', () => {
  test.each([
    { url: 'file:///srv/models', expected: 'file:///srv/models' },
    { url: 'file:///srv/models/', expected: 'file:///srv/models' },
    { url: 'file:///srv/with%20space', expected: 'file:///srv/with%20space' },
    { url: 'file://localhost/srv', expected: 'file:///srv' },
  ])('takes $url', ({ url, expected }) => {
    expect(openObjectStore(url, { clock: systemClock }).url).toBe(expected)
  })

  test.each([
    '',
    'models',
    '/srv/models',
    'file:',
    'file:///',
    'file:models',
    'file://host/srv',
    'file:///srv?x=1',
    'file:///srv#x',
    'file:///a%2fb',
    's3://',
    's3:bucket',
    's3://b',
    's3://key:secret@bucket/prefix',
    's3://bucket/a/.holdfast',
    's3://bucket//a',
    's3://bucket/a?endpoint=file:///etc',
    's3://bucket/a?endpiont=http://x',
    'http://origin/',
    'ftp://x/y',
  ])('refuses %j', (url) => {
    expect(() => openObjectStore(url, { clock: systemClock })).toThrow(
      expect.objectContaining({ code: 'BAD_ORIGIN_URL' }),
    )
  })
})
