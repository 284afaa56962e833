/** memory.export: weights in memory by path, from the option to the command that prints it. Needs a tmpfs at /dev/shm. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { connectStore } from '../../native/index.ts'
import { modelPaths } from '../../node/models/model-paths.ts'
import { bytesOf, fileOf, idOf, StoreFixture, sha256, specOf } from './fixture.ts'

const hasTmpfs = existsSync('/dev/shm')
if (!hasTmpfs) console.warn('no /dev/shm on this machine: export is not tested')

let folder = ''
beforeEach(() => {
  folder = mkdtempSync('/dev/shm/holdfast-test-')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

test.runIf(hasTmpfs)('a program that opens a path gets the bytes and the pages that clients map', async () => {
  await using fixture = new StoreFixture({ exportPath: folder })
  const contents = [bytesOf(3_000_000, 1), Buffer.alloc(0)]
  const digest = await fixture.publish('acme/x:v1', contents, ['weights/a.bin', 'empty'])
  const client = await connectStore(fixture.options.socketPath)
  using model = await client.open('acme/x:v1')

  const path = join(folder, 'models/acme/x/v1/weights/a.bin')
  expect(sha256(readFileSync(path))).toBe(sha256(contents[0]!))
  expect(statSync(path).mode & 0o777).toBe(0o444)
  expect(fixture.store.exportedPathOf(digest)).toBe(join(folder, 'digests', digest))
  // The same file behind the client's map: the same pages.
  expect(sha256(model.files[0]!.bytes)).toBe(sha256(contents[0]!))
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  expect(maps.filter((line) => line.includes(` ${statSync(path).ino} `) && line.includes(' r--s '))).toHaveLength(1)
  client.close()
})

test.runIf(hasTmpfs)(
  'paths are of exported memory, else of the disk tier, else an error that says what to set',
  async () => {
    await using fixture = new StoreFixture({ exportPath: folder })
    const bytes = bytesOf(100_000, 1)
    await fixture.add(bytes, { memory: false, disk: true })
    const files = [{ ...fileOf('a.bin', bytes), chunks: specOf(bytes).chunks }]
    expect(modelPaths(fixture.store, 'm', files)).toMatchObject({
      tier: 'disk',
      folder: null,
      files: [{ path: 'a.bin', location: fixture.store.diskPathOf(idOf(bytes)) }],
    })
    await fixture.store.promote(idOf(bytes))
    fixture.store.publish({ digest: 'm', files }, [])
    const inMemory = modelPaths(fixture.store, 'm', files)
    expect(inMemory).toMatchObject({ tier: 'memory', folder: join(folder, 'digests/m') })
    expect(readFileSync(inMemory.files[0]!.location).equals(bytes)).toBe(true)
    fixture.store.dropMemory(idOf(bytes))
    await fixture.store.dropDisk(idOf(bytes))
    expect(() => modelPaths(fixture.store, 'm', files)).toThrowError(
      expect.objectContaining({ code: 'UNKNOWN_MODEL', message: expect.stringContaining('memory.export') }),
    )
  },
)

test.runIf(hasTmpfs)(
  'a store that was killed leaves files that the next one removes; its clients keep their maps',
  async () => {
    const program = `
    import { StoreFixture, bytesOf } from ${JSON.stringify(join(import.meta.dirname, 'fixture.ts'))}
    const fixture = new StoreFixture({ exportPath: ${JSON.stringify(folder)} })
    await fixture.publish('acme/x:v1', [bytesOf(2_000_000, 1)])
    console.log(fixture.folder)
    setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [killedFolder] = (await once(createInterface(child.stdout), 'line')) as [string]
    const model = await open('acme/x:v1', { socketPath: join(killedFolder, 'store.sock') })
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(readdirSync(join(folder, 'blobs'))).toHaveLength(1)

    await using fixture = new StoreFixture({ exportPath: folder })

    expect(readdirSync(join(folder, 'blobs'))).toEqual([])
    expect(readdirSync(join(folder, 'models'))).toEqual([])
    expect(sha256(model.files[0]!.bytes)).toBe(sha256(bytesOf(2_000_000, 1)))
    await fixture.publish('acme/x:v1', [bytesOf(2_000_000, 1)])
    expect(sha256(readFileSync(join(folder, 'models/acme/x/v1/file-0')))).toBe(sha256(bytesOf(2_000_000, 1)))
    model.close()
    rmSync(killedFolder, { recursive: true, force: true })
  },
)

test.runIf(hasTmpfs)('a folder of somebody else’s files is refused and left alone', () => {
  writeFileSync(join(folder, 'mine'), 'bytes')
  expect(() => new StoreFixture({ exportPath: folder })).toThrowError(expect.objectContaining({ code: 'BAD_CONFIG' }))
  expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('bytes')
})

test.runIf(hasTmpfs)('another user reads the files and cannot write them', async ({ skip }) => {
  if (process.getuid?.() !== 0) skip('only root can become another user')
  await using fixture = new StoreFixture({ exportPath: folder })
  await fixture.publish('acme/x:v1', [bytesOf(1000, 1)])
  const { chmodSync } = await import('node:fs')
  chmodSync(folder, 0o755)
  const path = join(folder, 'models/acme/x/v1/file-0')
  const asNobody = (command: string) => spawnSync('sh', ['-c', command], { uid: 65534, gid: 65534, cwd: '/' })
  expect(sha256(asNobody(`cat ${path}`).stdout)).toBe(sha256(bytesOf(1000, 1)))
  expect(asNobody(`echo x > ${path}`).status).not.toBe(0)
  expect(asNobody(`rm -f $(readlink -f ${path})`).status).not.toBe(0)
})
