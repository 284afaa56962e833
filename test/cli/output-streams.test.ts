/** Output that nobody takes: full disks and pipes whose reader has ended or is slow. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LossyWriter } from '../../cli/lossy-writer.ts'
import { writeNewFiles } from '../../cli/write-new-files.ts'
import { noise, OriginFixture } from '../origin/fixture.ts'
import { binPath, cleanEnvironment, holdfast } from '../support/holdfast-command.ts'

let fixture: OriginFixture
beforeAll(async () => {
  fixture = await OriginFixture.create()
  await fixture.push(await fixture.model('m', { a: noise('a', 100) }), 'acme/m:v1')
})
afterAll(() => fixture.remove())

/** A full disk in the place of one stream; the other stream as text. */
async function withFull(which: 1 | 2, args: readonly string[]): Promise<{ code: number; other: string }> {
  const full = openSync('/dev/full', 'w')
  const stdio = which === 1 ? ['ignore', full, 'pipe'] : ['ignore', 'pipe', full]
  const child = spawn(process.execPath, [binPath, ...args], {
    stdio: stdio as ('ignore' | 'pipe')[],
    env: cleanEnvironment({ HOLDFAST_ORIGIN: fixture.store.url }),
  })
  closeSync(full)
  let other = ''
  child.stdio[which === 1 ? 2 : 1]!.on('data', (bytes) => {
    other += bytes
  })
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
  return { code, other }
}

describe.runIf(process.platform === 'linux')('a full disk', () => {
  it.each([['ls'], ['ls', '--json'], ['stat', 'acme/m:v1']])(
    'under stdout ends %s with DISK_FULL, and no stack',
    async (...args) => {
      const { code, other } = await withFull(1, args)
      expect({ code, other }).toEqual({ code: 1, other: expect.stringContaining('  DISK_FULL: ') })
      expect(other).toMatch(/^holdfast: The output cannot be written: the disk is full \(ENOSPC\)\./)
      expect(other).not.toContain(' at ')
    },
  )

  it('under stderr stops no pull', async () => {
    const { code, other } = await withFull(2, ['pull', 'acme/m:v1', fixture.path('out')])
    expect({ code, other }).toEqual({ code: 0, other: expect.stringContaining('1 file, 100 B: fetched 100 B') })
  })
})

describe('a pipe whose reader has ended', () => {
  it('stops no push --all: all models go up, and the exit code is that of the work', async () => {
    for (const name of ['one', 'two', 'three']) await fixture.model(`many/${name}`, { weights: name })
    const args = [binPath, 'push', '--all', fixture.path('many'), '--namespace', 'closed']
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: cleanEnvironment({ HOLDFAST_ORIGIN: fixture.store.url, XDG_CONFIG_HOME: fixture.path('config') }),
    })
    child.stdout.destroy()
    const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
    const { stdout } = await holdfast(['ls'], { HOLDFAST_ORIGIN: fixture.store.url })
    expect({ code, models: stdout.match(/closed\/\w+/g) }).toEqual({
      code: 0,
      models: ['closed/one', 'closed/three', 'closed/two'],
    })
  })

  it('is no failure of a command that prints', async () => {
    const child = spawn(process.execPath, [binPath, 'ls'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment({ HOLDFAST_ORIGIN: fixture.store.url }),
    })
    child.stdout.destroy()
    let said = ''
    child.stderr.on('data', (bytes) => {
      said += bytes
    })
    const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
    expect({ code, said }).toEqual({ code: 0, said: '' })
  })
})

describe('a path that the system refuses', () => {
  it.each([
    { args: ['init', '--dir', '/proc/holdfast/x'], code: 'BAD_CONFIG' },
    { args: ['init', '--dir', '/dev/null/x'], code: 'BAD_CONFIG' },
    { args: ['sim', 'init', '/dev/null/x.yaml'], code: 'PATH_CONFLICT' },
    { args: ['sim', 'init', '/nowhere/x.yaml'], code: 'FILE_FAILED' },
    { args: ['pull', 'acme/m:v1', '/proc/holdfast/x'], code: 'FILE_FAILED' },
    { args: ['pull', 'acme/m:v1', '/dev/null/x'], code: 'PATH_CONFLICT' },
  ])('of $args has $code, names the path, and ends', async ({ args, code }) => {
    const result = await holdfast(args, { HOLDFAST_ORIGIN: fixture.store.url })
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining(`  ${code}: `) })
    expect(result.stderr).toContain(args.at(-1)!.split('/').slice(0, 3).join('/'))
    expect(result.stderr).not.toContain(' at ')
  })
})

describe('new files', () => {
  it('are made all or none: one that cannot be written takes those before it along', async () => {
    const made = fixture.path('cluster.key')
    const next = fixture.path('node.yaml')
    const files = [
      { path: made, text: 'key', mode: 0o600 },
      { path: next, text: 'x'.repeat(10) },
    ]
    await expect(writeNewFiles([...files, { path: '/nowhere/x', text: '' }])).rejects.toMatchObject({
      code: 'FILE_FAILED',
      details: { path: '/nowhere/x' },
    })
    expect([existsSync(made), existsSync(next)]).toEqual([false, false])
    await writeNewFiles(files)
    await expect(writeNewFiles([files[1]!])).rejects.toMatchObject({ code: 'EEXIST' })
    expect([readFileSync(made, 'utf8'), readFileSync(next, 'utf8')]).toEqual(['key', 'xxxxxxxxxx'])
  })
})

describe('the log', () => {
  it('loses whole lines when none are taken, tells how many, and goes on where a line was torn', () => {
    let taken = ''
    let room = 0
    const writer = new LossyWriter({
      writeSome: (bytes) => {
        if (room === 0) throw new Error('EAGAIN')
        const part = Buffer.from(bytes).subarray(0, room)
        room -= part.byteLength
        taken += part
        return part.byteLength
      },
      lossLine: (count) => `lost ${count}\n`,
    })
    writer.write('first\n')
    writer.write('second\n')
    room = 9
    writer.write('third\n')
    expect(taken).toBe('lost 2\nth')
    writer.write('fourth\n')
    room = 100
    writer.write('fifth\n')
    expect(taken).toBe('lost 2\nthird\nlost 1\nfifth\n')
  })
})
