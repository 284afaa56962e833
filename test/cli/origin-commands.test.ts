import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { lsCommand } from '../../cli/commands/ls.ts'
import { pullCommand } from '../../cli/commands/pull.ts'
import { pushCommand } from '../../cli/commands/push.ts'
import { statCommand } from '../../cli/commands/stat.ts'
import { oldExporterModel } from '../node/runtime/small-models.ts'
import { noise, OriginFixture, safetensors } from '../origin/fixture.ts'

let fixture: OriginFixture
let printed: string[]
let configFolder: string
beforeEach(async () => {
  fixture = await OriginFixture.create()
  configFolder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  vi.stubEnv('XDG_CONFIG_HOME', configFolder)
  vi.stubEnv('HOLDFAST_ORIGIN', undefined)
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line) => printed.push(String(line)))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await fixture.remove()
  await rm(configFolder, { recursive: true, force: true })
})

/** Runs a command as the main program does, with usage errors thrown, and returns what it printed. */
async function run(...args: string[]): Promise<string> {
  printed.length = 0
  const program = new Command('holdfast')
  for (const command of [pushCommand(), pullCommand(), lsCommand(), statCommand()]) {
    program.addCommand(
      command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: (text) => printed.push(text) }),
    )
  }
  await program.exitOverride().parseAsync(args, { from: 'user' })
  return printed.join('\n')
}
const atOrigin = () => ['--origin', fixture.store.url]

describe('the commands of the origin', () => {
  test('push, list, describe and pull a model', async () => {
    const source = await fixture.model('m', {
      'config.json': '{}',
      'model.safetensors': safetensors([{ name: 't', bytes: noise('t', 100_000) }]),
    })
    expect(await run('push', source, 'acme/m:v1', ...atOrigin())).toMatch(
      /acme\/m:v1 is sha256:\w{64}.*2 files, 100 kB: uploaded 100 kB, shared 0 B/s,
    )
    expect(await run('push', source, 'acme/m:v1', ...atOrigin())).toMatch(/was already .*uploaded 0 B, shared 100 kB/s)
    expect(await run('ls', ...atOrigin())).toMatch(/^acme\/m:v1\t2\t100 kB\t\w{12}$/)
    expect(await run('stat', 'acme/m:v1', ...atOrigin())).toMatch(
      /2 files, 100 kB, 3 chunks, 1 tensors.*model.safetensors\t100 kB\t2\t1$/s,
    )
    const out = fixture.path('out')
    expect(await run('pull', 'acme/m:v1', out, ...atOrigin())).toMatch(/2 files, 100 kB: fetched 100 kB, kept 0 B/)
    expect(await readFile(join(out, 'config.json'), 'utf8')).toBe('{}')
  })

  test('print one JSON value with --json', async () => {
    const base = await fixture.model('base', { a: noise('a', 5000), b: noise('b', 3000) })
    const tuned = await fixture.model('tuned', { a: noise('a', 5000), b: noise('c', 3000) })
    const pushed = JSON.parse(await run('push', base, 'acme/base', '--json', ...atOrigin()))
    expect(pushed).toMatchObject({
      model: 'acme/base:latest',
      newBytes: 8000,
      totalBytes: 8000,
      files: 2,
      chunks: 2,
      moved: true,
    })
    expect(JSON.parse(await run('push', tuned, 'acme/tuned', '--json', ...atOrigin()))).toMatchObject({
      newBytes: 3000,
    })
    const listed = JSON.parse(await run('ls', '--json', ...atOrigin()))
    expect(listed[0]).toEqual({
      model: 'acme/base:latest',
      digest: pushed.digest,
      sequence: 1,
      files: 2,
      sizeBytes: 8000,
      error: null,
    })
    const stat = JSON.parse(await run('stat', 'acme/tuned', '--json', ...atOrigin()))
    expect(stat).toMatchObject({ sizeBytes: 8000, chunks: 2, tensors: 0, files: [{ path: 'a' }, { path: 'b' }] })
    expect(stat.sharing).toEqual([{ model: 'acme/base:latest', digest: pushed.digest, sharedBytes: 5000 }])
    const pulled = JSON.parse(
      await run('pull', `sha256:${pushed.digest}`, fixture.path('out'), '--json', ...atOrigin()),
    )
    expect(pulled).toMatchObject({ digest: pushed.digest, fetchedBytes: 8000, files: 2 })
  })

  test('push all models of a folder, tell which failed, and exit with 1 then', async () => {
    const warnings: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => warnings.push(String(text)) > 0)
    const all = await fixture.model('all', {
      'Bert-Base/a.bin': 'a',
      'gpt/b.bin': 'b',
      'gpt/.hidden': 'x',
      'bad name/c.bin': 'c',
      'broken/a\\b': 'x',
      'models--hub--tiny/refs/main': 'r1',
      'models--hub--tiny/snapshots/r1/config.json': '{}',
      'readme.md': 'x',
    })
    const flags = ['push', '--all', all, '--namespace', 'acme', '--tag', 'v1', ...atOrigin()]
    const result = JSON.parse(await run(...flags, '--json'))
    expect(result).toMatchObject({ pushed: 3, failed: 2, notTried: 0, leftOut: ['readme.md'] })
    const outcomes = result.models.map((m: { model: string; error: { code: string } | null }) => [
      m.model,
      m.error?.code,
    ])
    expect(outcomes).toEqual([
      ['acme/Bert-Base', undefined],
      ['acme/bad name', 'BAD_MODEL_NAME'],
      ['acme/broken', 'BAD_REQUEST'],
      ['acme/gpt', undefined],
      ['acme/tiny', undefined],
    ])
    expect(process.exitCode).toBe(1)
    process.exitCode = 0
    expect(await run(...flags)).toMatch(/acme\/gpt: was already there\n.*3 of 5 models pushed, 2 failed$/s)
    expect(warnings.join('')).toMatch(/warning: acme\/gpt: \.hidden is left out/)
    process.exitCode = 0
    expect(await run('ls', ...atOrigin())).toMatch(/acme\/Bert-Base:v1.*acme\/gpt:v1.*acme\/tiny:v1/s)
    await expect(run('push', '--all', all, ...atOrigin(), '--json')).resolves.toContain('"BAD_MODEL_NAME"')
    process.exitCode = 0
  })

  test('take the origin from HOLDFAST_ORIGIN, and the option before it', async () => {
    await fixture.push(await fixture.model('m', { a: 'x' }), 'acme/m')
    vi.stubEnv('HOLDFAST_ORIGIN', fixture.store.url)
    expect(await run('ls')).toContain('acme/m:latest')
    await expect(run('ls', '--origin', 'file:///nowhere/at/all')).rejects.toMatchObject({ code: 'ORIGIN_UNAVAILABLE' })
  })

  test('show what is wrong with a model beside those that are well', async () => {
    const { digest } = await fixture.push(await fixture.model('lost', { a: 'lost' }), 'acme/lost')
    await fixture.push(await fixture.model('well', { a: 'well' }), 'acme/well')
    await fixture.store.delete(`manifests/${digest}.json`)
    await fixture.store.put('refs/acme/broken/v1', [Buffer.from('rubbish')])
    const listed = JSON.parse(await run('ls', '--json', ...atOrigin())) as { model: string; error: string | null }[]
    expect(listed.map(({ model, error }) => `${model} ${error}`)).toEqual([
      'acme/broken:v1 BAD_REF',
      'acme/lost:latest ORIGIN_NOT_FOUND',
      'acme/well:latest null',
    ])
    expect(await run('stat', 'acme/well', ...atOrigin())).toContain('acme/well is sha256:')
  })

  test('stat lists tensors, finds one, and tells near names of one that is not there', async () => {
    const source = await fixture.model('m', {
      'model.safetensors': safetensors([{ name: 'layer.0.weight', bytes: noise('t', 100) }]),
    })
    await fixture.push(source, 'acme/m')
    const row = 'model.safetensors\tlayer.0.weight\tU8\t[100]\t100 B'
    expect(await run('stat', 'acme/m', '--tensors', ...atOrigin())).toBe(row)
    expect(await run('stat', 'acme/m', '--tensor', 'layer.0.weight', ...atOrigin())).toBe(row)
    expect(JSON.parse(await run('stat', 'acme/m', '--tensors', '--json', ...atOrigin()))).toEqual({
      tensors: [
        expect.objectContaining({ path: 'model.safetensors', name: 'layer.0.weight', dtype: 'U8', shape: [100] }),
      ],
    })
    await expect(run('stat', 'acme/m', '--tensor', 'layer.O.weight', ...atOrigin())).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      details: { near: ['layer.0.weight'] },
    })
  })

  test('stat shows inputs and outputs of an ONNX file, without those that have an initializer', async () => {
    const source = await fixture.model('m', {
      'model.onnx': oldExporterModel(),
      'broken.onnx': Buffer.from('no onnx'),
    })
    await fixture.push(source, 'acme/m')
    const { interfaces } = JSON.parse(await run('stat', 'acme/m', '--json', ...atOrigin()))
    expect(interfaces).toEqual([{ path: 'model.onnx', inputs: expect.any(Array), outputs: expect.any(Array) }])
    expect(interfaces[0].inputs).toHaveLength(1)
    expect(await run('stat', 'acme/m', ...atOrigin())).toMatch(/model\.onnx\tinput\t\w+\tFLOAT\t\[.*\]\n/)
  })

  test('say how to push when the origin is empty', async () => {
    await fixture.store.put('objects/x', [])
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    expect(await run('ls', ...atOrigin())).toBe('')
    expect(told).toHaveBeenCalledWith(expect.stringContaining('holdfast push'))
  })

  test.each([
    { id: 'no origin', args: ['ls'], exitCode: 2 },
    { id: 'a missing argument', args: ['push', 'x'], exitCode: 1 },
    { id: 'an unknown option', args: ['ls', '--orign', 'x'], exitCode: 1 },
  ])('throw a CommanderError for $id', async ({ args, exitCode }) => {
    await expect(run(...args)).rejects.toMatchObject({ name: 'CommanderError', exitCode })
  })

  test.each(['push', 'pull', 'ls', 'stat'])('%s --help shows an example', async (name) => {
    await expect(run(name, '--help')).rejects.toMatchObject({ code: 'commander.helpDisplayed', exitCode: 0 })
    expect(printed.join('')).toMatch(/Examples?:\n {2}\$ /)
  })

  test.each([
    { args: () => ['pull', 'acme/none', fixture.path('out')], code: 'UNKNOWN_MODEL' },
    { args: () => ['stat', 'Not A Name'], code: 'BAD_MODEL_NAME' },
    { args: () => ['push', fixture.path('none'), 'acme/m'], code: 'BAD_REQUEST' },
  ])('throw $code, which the main program prints', async ({ args, code }) => {
    await fixture.store.put('objects/x', [])
    await expect(run(...args(), ...atOrigin())).rejects.toMatchObject({ code })
  })
})
