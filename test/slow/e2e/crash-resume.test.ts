/** kill -9 in the middle of a pull: the next life fetches what is missing, at most one chunk per stream twice. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('resumes a pull that was killed without fetching a chunk again that was written', async () => {
  const path = await cluster.generate('resnet50')
  const { totalBytes, digest } = await cluster.push(path, 'acme/m:v1')
  const body = await cluster.body(join(path, 'model.onnx'))
  const writtenChunks = 8
  const dying = await cluster.start('a', {}, { HOLDFAST_CRASH_AT: `partial.chunk-written:${writtenChunks}` })
  const ended = once(dying.process, 'exit')
  await expect(cluster.infer(dying, 'acme/m:v1', body, { forward: false })).rejects.toThrow()
  expect(await ended).toEqual([null, 'SIGKILL'])

  const again = await cluster.start('a')
  await cluster.infer(again, 'acme/m:v1', body, { forward: false })

  const [origin, local] = [await cluster.fetchedBytes(again, 'origin'), await cluster.fetchedBytes(again, 'local')]
  console.log(`killed after ${writtenChunks} chunks: ${local} bytes taken over, ${origin} of ${totalBytes} fetched`)
  expect(origin + local).toBe(totalBytes)
  // Only what was on the wire when it died is fetched again: a chunk per stream.
  expect(local).toBeGreaterThanOrEqual(await smallestBytes(digest, writtenChunks))
})

/** Bytes of so many chunks of the model, the smallest. */
async function smallestBytes(digest: string, count: number): Promise<number> {
  const text = await readFile(join(cluster.originPath, 'manifests', `${digest}.json`), 'utf8')
  const { files } = JSON.parse(text) as { files: { chunks: { sizeBytes: number }[] }[] }
  const sizes = files.flatMap(({ chunks }) => chunks.map(({ sizeBytes }) => sizeBytes)).sort((a, b) => a - b)
  return sizes.slice(0, count).reduce((sum, sizeBytes) => sum + sizeBytes, 0)
}
