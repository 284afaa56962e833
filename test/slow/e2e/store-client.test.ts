/** Client processes of a node's store: memory that outlives the node, and names that do not exist. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../../clients/node/index.ts'
import { ClusterFixture } from '../../e2e/cluster-fixture.ts'
import { until } from '../../support/until.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

describe('a client process', () => {
  it('hands its memory back to a node that was killed and comes again', async () => {
    const path = await cluster.generate('llama-tiny')
    await cluster.push(path, 'acme/llama')
    // Nothing on disk, so that a node that has the bytes again can have them from the client alone.
    const first = await cluster.start('a', { 'disk.limitBytes': 0 })
    using model = await open('acme/llama', { socketPath: first.socketPath })
    const sum = () => model.files.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'))
    const before = sum()
    const usedBytes = await cluster.metric(first, 'holdfast_memory_used_bytes')
    expect(usedBytes).toBeGreaterThan(1 << 20)
    await first.kill()
    expect(sum()).toEqual(before)

    const second = await cluster.start('a', { 'disk.limitBytes': 0 })

    await until('the lease is back', async () => (await cluster.metric(second, 'holdfast_leases')) === 1)
    expect(await cluster.metric(second, 'holdfast_memory_used_bytes')).toBe(usedBytes)
    const largest = Math.max(...model.files.map(({ sizeBytes }) => sizeBytes))
    expect(await cluster.fetchedBytes(second, 'origin'), 'only what was too small to be kept').toBeLessThan(largest)
    expect(await cluster.log(second)).toContain('memory of a former run was taken back')
    model.close()
    await until('the lease ends', async () => (await cluster.metric(second, 'holdfast_leases')) === 0)
  })

  it('opens another process gets the error of a name that does not exist, by code', async () => {
    const a = await cluster.start('a')
    await expect(open('acme/absent', { socketPath: a.socketPath })).rejects.toMatchObject({ code: 'UNKNOWN_MODEL' })
  })
})
