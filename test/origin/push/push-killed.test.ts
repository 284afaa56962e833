import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { pull } from '../../../origin/index.ts'
import { noise, OriginFixture, sha256 } from '../fixture.ts'

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
})
afterEach(() => fixture.remove())

const seed = Math.floor(Math.random() * 2 ** 31)

/** Pushes in another process and kills it after a number of progress steps. */
async function pushAndKill(source: string, killAfterSteps: number): Promise<void> {
  const script = join(import.meta.dirname, 'push-child.ts')
  const child = spawn(process.execPath, [script, source, 'acme/m', fixture.store.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let steps = 0
  const exit = once(child, 'exit')
  for await (const _ of createInterface(child.stdout)) {
    if (++steps === killAfterSteps) child.kill('SIGKILL')
  }
  await exit
}

test('a push that is killed anywhere leaves a complete ref or none, and the next one goes on', async () => {
  const contents = (version: string) =>
    Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, noise(`${version} ${i}`, 100 * 1024)]))
  await fixture.push(await fixture.model('old', contents('old')), 'acme/m')
  const source = await fixture.model('new', contents('new'))
  const random = noise(`kills ${seed}`, 5 * 4)
  for (let i = 0; i < 5; i++) {
    // 40 files report three times each, and twice around them.
    const killAfterSteps = i === 4 ? 122 : 1 + (random.readUInt32LE(i * 4) % 122)
    await pushAndKill(source, killAfterSteps)
    const why = `seed ${seed}, killed after ${killAfterSteps} steps`
    // Whatever the tag means now, all of it is there.
    const destination = fixture.path(`out-${i}`)
    const pulled = await pull({ name: 'acme/m', origin: fixture.origin, destination })
    expect(pulled.files, why).toBe(40)
  }
  const result = await fixture.push(source, 'acme/m')
  const { manifest, ref } = await fixture.origin.resolve('acme/m')
  expect(ref.manifest).toBe(result.digest)
  expect(manifest.files.map((file) => file.sha256).sort()).toEqual(Object.values(contents('new')).map(sha256).sort())
  // What the last killed one had brought to the index, three checkpoints at least, is not uploaded again.
  expect(result.newBytes, `seed ${seed}`).toBeLessThan(result.totalBytes / 2)
})
