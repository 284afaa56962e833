/** Client processes of a node's store: shared bytes, leases that end with the process. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open } from '../../clients/node/index.ts'
import { until } from '../support/until.ts'
import { ClusterFixture } from './cluster-fixture.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(async () => {
  await cluster.dispose()
})

/** A process that opens a model, says so, and waits to be killed. */
const holderProgram = `
import { open } from ${JSON.stringify(join(import.meta.dirname, '..', '..', 'clients', 'node', 'index.ts'))}
const model = await open(process.argv[1], { socketPath: process.argv[2] })
console.log('open ' + model.files.length)
setInterval(() => model.files[0].bytes[0], 1000)
`

describe('a client process', () => {
  it('maps a cold model that the node fetches for it, bit for bit', async () => {
    const path = await cluster.generate('llama-tiny')
    await cluster.push(path, 'acme/llama')
    const a = await cluster.start('a')

    using model = await open('acme/llama', { socketPath: a.socketPath })

    expect(model.files.length).toBeGreaterThan(3)
    for (const file of model.files) {
      const digest = createHash('sha256').update(file.bytes).digest('hex')
      expect(digest).toBe(
        createHash('sha256')
          .update(await readFile(join(path, file.path)))
          .digest('hex'),
      )
    }
  })

  it('loses its lease at kill -9', async () => {
    const path = await cluster.generate('llama-tiny')
    await cluster.push(path, 'acme/llama')
    const a = await cluster.start('a')
    const child = spawn(process.execPath, ['--input-type=module', '-e', holderProgram, 'acme/llama', a.socketPath], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => createInterface(child.stdout).once('line', resolve))
    expect(await cluster.metric(a, 'holdfast_leases')).toBe(1)

    child.kill('SIGKILL')

    await until('the lease ends', async () => (await cluster.metric(a, 'holdfast_leases')) === 0)
  })
})
