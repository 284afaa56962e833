/**
 * kill -9 between any two writes of the state database and of the identity and cluster key files: a child makes all of them and
 * dies at one passing of one point; what is there afterwards is whole, and the next start goes on with it.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadIdentity } from '../../../node/net/index.ts'
import { loadClusterKeys } from '../../../node/net/load-cluster-key.ts'
import { openLevelState } from '../../../node/state/index.ts'
import { crashPoints } from '../../../node/system/crash-point.ts'
import { isThorough } from '../../support/thorough.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-crash-state-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const passingsMax = isThorough ? Number.POSITIVE_INFINITY : 1
const noKey = { 'cluster.key': '', 'cluster.keyFile': '' }

describe.each(crashPoints)('%s', (point) => {
  test('leaves records and secrets whole or absent, at its passings', async () => {
    for (let passing = 1; passing <= passingsMax; passing += 1) {
      const { signal, acknowledged } = await live(`${point}:${passing}`)
      // What the child passes at all, it passes once.
      if (signal === null && passing > 1) break
      expect(signal, `${point}:${passing}`).toBe('SIGKILL')
      await checkRestart(acknowledged)
      await rm(folder, { recursive: true, force: true })
    }
  })
})

/** Runs the child; what it said was done before it ended. */
function live(crashAt: string): Promise<{ signal: string | null; acknowledged: string[] }> {
  const program = join(import.meta.dirname, 'crash-child.ts')
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [program, folder],
      { env: { ...process.env, HOLDFAST_CRASH_AT: crashAt } },
      (error, out) => {
        if (error !== null && !error.signal) reject(error)
        else resolve({ signal: error?.signal ?? null, acknowledged: out.split('\n').filter((line) => line !== '') })
      },
    )
  })
}

async function checkRestart(acknowledged: readonly string[]): Promise<void> {
  const state = await openLevelState(join(folder, 'state'))
  const records = [await state.get('a'), await state.get('b')]
  await state.close()
  const told = new Map(acknowledged.map((line) => line.split(' ') as [string, string]))
  // What was acknowledged is there; what was under way is there or not, and nothing else.
  if (told.has('deleted-a')) expect(records[0]).toBeNull()
  else if (told.has('put-a2')) expect([{ value: 2 }, null]).toContainEqual(records[0])
  else if (told.has('put-a1')) expect([{ value: 1 }, { value: 2 }]).toContainEqual(records[0])
  else expect([null, { value: 1 }]).toContainEqual(records[0])
  expect([null, { value: 'x'.repeat(100_000) }]).toContainEqual(records[1])
  if (told.has('put-b')) expect(records[1]).not.toBeNull()
  const { node } = await loadIdentity(folder)
  if (told.has('identity')) expect(node).toBe(told.get('identity'))
  expect((await loadIdentity(folder)).node).toBe(node)
  const [key] = await loadClusterKeys(noKey, folder)
  if (told.has('key')) expect(key!.text()).toBe(told.get('key'))
  expect((await readFile(join(folder, 'cluster.key'), 'utf8')).trim()).toBe(key!.text())
  await checkTidied()
}

/** A secret that nobody will use does not lie about for ever: once it is too old to be somebody's, a start removes it. */
async function checkTidied(): Promise<void> {
  const left = (await readdir(folder)).filter((name) => /\.key\./.test(name))
  for (const name of left) await utimes(join(folder, name), 0, 0)
  await loadIdentity(folder)
  await loadClusterKeys(noKey, folder)
  expect((await readdir(folder)).sort()).toEqual(['cluster.key', 'identity.key', 'state'])
}
