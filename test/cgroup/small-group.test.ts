/** A node with default options in a control group of 450 MB: it takes what the group leaves, says what is too much, and lives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { ClusterFixture } from '../e2e/cluster-fixture.ts'
import { holdfast } from '../support/holdfast-command.ts'
import { type MemoryGroup, makeMemoryGroup } from './memory-group.ts'

const groupBytes = 450_000_000
const group = makeMemoryGroup(`holdfast-test-${process.pid}`, groupBytes)
if (group === null) console.log('skipped: no control group can be made here (root, and a writable /sys/fs/cgroup)')

let cluster: ClusterFixture
beforeAll(async () => {
  cluster = await ClusterFixture.create()
})
afterAll(async () => {
  await cluster.dispose()
  group?.remove()
})

describe.skipIf(group === null)('a node in a group of 450 MB', () => {
  const { enter, limitFile, killCount } =
    group ?? ({ enter: [], limitFile: '', killCount: () => 0 } as Omit<MemoryGroup, 'remove'>)

  it('opens one model after another, more than the group could hold, and runs one, with default options', async () => {
    const { body } = await cluster.pushTiny()
    const node = await cluster.start('small', { 'memory.limitBytes': 0 }, {}, enter)
    const status = (await (await fetch(`${node.httpUrl}/v1/status`)).json()) as { memory: { limitBytes: number } }
    expect(status.memory.limitBytes).toBeLessThan(groupBytes)
    for (const seed of [1, 2, 3, 4, 5]) {
      await cluster.push(await cluster.generate('resnet50', seed), `acme/resnet:s${seed}`)
      using model = await open(`acme/resnet:s${seed}`, { socketPath: node.socketPath })
      expect(model.files[0]!.bytes.byteLength).toBeGreaterThan(90e6)
      expect(model.files[0]!.bytes.some((byte) => byte === 1)).toBe(true)
    }
    expect((await cluster.infer(node, 'acme/tiny:v1', body)).servedFrom).not.toBe('')
    expect(killCount()).toBe(0)
    expect(node.process.exitCode).toBeNull()
  })

  it('refuses to start with more than the group may use, and names the file that says so', async () => {
    const started = cluster.start('large', { 'memory.limitBytes': '1GiB' }, {}, enter)
    await expect(started).rejects.toThrow(
      new RegExp(`memory.limitBytes is 1GiB; the control group may use \\(${limitFile}\\)`),
    )
  })

  it.each([['config', 'validate'], ['doctor'], ['node', '--validate']])(
    'is told the same by `holdfast %s %s`',
    async (...words) => {
      const { stdout, stderr, code } = await holdfast(words, { HOLDFAST_MEMORY_LIMIT_BYTES: '1GiB' }, enter)
      expect(stdout + stderr).toContain(limitFile)
      expect(code).not.toBe(0)
    },
  )
})
