/**
 * A node starts on the data folder of a version that named blobs by the sha256 of their files, with its origin away, and dies while it
 * takes the files over: the next start goes on. No byte is fetched and no model converted again.
 */
import { mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLevelState } from '../../../node/state/index.ts'
import { ClusterFixture, getJson } from '../../e2e/cluster-fixture.ts'
import { sha256 } from '../../native/fixture.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('takes a former disk over without a fetch, also when it dies in between', async () => {
  const { model, body } = await cluster.pushTiny()
  const first = await cluster.start('a')
  await cluster.infer(first, 'acme/tiny:v1', body, { forward: false })
  await first.stop()
  await nameAsBefore(join(cluster.folder, 'a'), model)
  await cluster.takeOriginAway()

  // One of the two files has its new name then.
  await expect(cluster.start('a', {}, { HOLDFAST_CRASH_AT: 'blob.moved' })).rejects.toThrow()
  const again = await cluster.start('a')
  expect((await cluster.infer(again, 'acme/tiny:v1', body, { forward: false })).servedBy).toBe(again.nodeId)
  for (const source of ['origin', 'peer'] as const) expect(await cluster.fetchedBytes(again, source)).toBe(0)
  expect(await cluster.log(again)).toContain('the disk of an earlier version was taken over')
  await until('the scrub ends', async () => (await scrub(again))?.state === 'done')
  expect(await scrub(again)).toMatchObject({ bad: [], misstated: [] })
})

async function scrub(node: { readonly httpUrl: string }) {
  return (await getJson<{ scrub: { state: string } | null }>(node, '/v1/verify')).scrub
}

/** Files with the names of before, and the record of the form as it was. */
async function nameAsBefore(dataPath: string, model: string): Promise<void> {
  const blobs = join(dataPath, 'disk', 'blobs')
  const names = new Map<string, string>()
  for (const entry of await readdir(blobs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const name = sha256(await readFile(path))
    names.set(entry.name, name)
    await mkdir(join(blobs, name.slice(0, 2)), { recursive: true })
    await rename(path, join(blobs, name.slice(0, 2), name))
  }
  expect(names.size).toBe(2)
  const state = await openLevelState(join(dataPath, 'state'))
  const { derived } = (await state.get(`model/${model}`)) as { derived: { id: string } }
  const { id, ...rest } = derived
  await state.put(`model/${model}`, { derived: { ...rest, sha256: names.get(id) } })
  await state.close()
}
