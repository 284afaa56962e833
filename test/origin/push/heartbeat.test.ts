import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HoldfastError } from '../../../common/errors.ts'
import { FileStore } from '../../../origin/index.ts'
import { Heartbeat } from '../../../origin/push/heartbeat.ts'
import { ManualClock } from '../../support/manual-clock.ts'

const [key, periodMs] = ['pushes/one', 60_000]
let folder: string
let clock: ManualClock
let store: FileStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-heartbeat-'))
  clock = new ManualClock()
  store = new FileStore(folder, { clock })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const start = async () => {
  const lostError = () => new HoldfastError('PUSH_EXPIRED', 'Taken for dead.')
  return (await Heartbeat.start(store, key, { periodMs, lostError }))!
}
const version = async () => (await store.get(key, { sizeBytesMax: 1024 }))?.version

test('writes its object anew with every period, until it is stopped', async () => {
  const heartbeat = await start()
  const first = await version()
  clock.advance(periodMs - 1)
  expect(await version()).toBe(first)
  clock.advance(1)
  await heartbeat.stop()
  const second = await version()
  expect(second).not.toBe(first)
  clock.advance(10 * periodMs)
  expect([await version(), clock.timerCount]).toEqual([second, 0])
})

test('does not bring back what another has deleted, and tells its owner', async () => {
  const heartbeat = await start()
  await heartbeat.check()
  await store.delete(key)
  clock.advance(periodMs)
  await heartbeat.stop()
  expect(await version()).toBeUndefined()
  await expect(heartbeat.check()).rejects.toMatchObject({ code: 'PUSH_EXPIRED' })
})
