import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLevelState } from '../../../node/state/index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-level-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a folder that another node uses is BAD_CONFIG, and free again when that one closed', async () => {
  const path = join(folder, 'state')
  const first = await openLevelState(path)
  await expect(openLevelState(path)).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining('Another node runs'),
  })
  await first.close()
  const second = await openLevelState(path)
  await second.close()
})

test('a folder that is a file is DISK_FAILED', async () => {
  const path = join(folder, 'state')
  await writeFile(path, 'not a folder')
  await expect(openLevelState(path)).rejects.toMatchObject({ code: 'DISK_FAILED' })
})

test('use after close is DISK_FAILED', async () => {
  const store = await openLevelState(folder)
  await store.close()
  await expect(store.get('key')).rejects.toMatchObject({ code: 'DISK_FAILED' })
  await expect(store.put('key', 1)).rejects.toMatchObject({ code: 'DISK_FAILED' })
})

test('a put survives kill -9 right after its promise resolved', async () => {
  const path = join(folder, 'state')
  const module = new URL('../../../node/state/index.ts', import.meta.url).href
  const script = `
    const { openLevelState } = await import(${JSON.stringify(module)})
    const store = await openLevelState(${JSON.stringify(path)})
    await store.put('epoch', 42)
    process.kill(process.pid, 'SIGKILL')`
  await expect(promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({
    signal: 'SIGKILL',
  })
  const store = await openLevelState(path)
  expect(await store.get('epoch')).toBe(42)
  await store.close()
})
