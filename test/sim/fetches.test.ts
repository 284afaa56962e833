/** A simulated node tells of its fetches what a real one does: from whom the bytes came, and why those were asked. */
import { expect, test } from 'vitest'
import { createWorld, replayHint } from './support/worlds.ts'

const file = 'test/sim/fetches.test.ts'

test('in a flash crowd the timelines of all fetches add up to what was moved', () => {
  const cluster = createWorld()
  cluster.start()
  cluster.run(5_000)
  const model = cluster.models[0]!
  const crowd = cluster.nodes.slice(0, 12)
  for (const node of crowd) node.makeReady(model, () => {})
  cluster.run(120_000)
  const told = crowd.map((node) => node.fetches!.list(cluster.queue.nowMs))
  expect(
    told.map((fetches) => fetches.map(({ state }) => state)),
    replayHint(cluster, file),
  ).toEqual(crowd.map(() => ['complete']))
  let originBytes = 0
  const reasons = new Set<string>()
  for (const node of crowd) {
    const { fetch, entries, omittedEntries } = node.fetches!.get(1, cluster.queue.nowMs)!
    const bytesOf = (kind: string) =>
      fetch.sources.reduce((sum, { source, bytes }) => sum + (source === kind ? bytes : 0), 0)
    originBytes += bytesOf('origin')
    expect(bytesOf('origin') + bytesOf('peer')).toBe(fetch.totalBytes)
    expect([fetch.doneBytes, fetch.doneChunks]).toEqual([fetch.totalBytes, fetch.chunks])
    expect(omittedEntries).toBe(0)
    const came = entries.flatMap((entry) => (entry.kind === 'chunks' ? [entry] : []))
    expect(came.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(fetch.totalBytes)
    for (const { why } of came) reasons.add(why)
  }
  const { totalBytes } = told[0]![0]!
  expect(originBytes).toBeLessThan(crowd.length * totalBytes)
  expect(reasons.size, [...reasons].join(' ')).toBeGreaterThan(1)
})
