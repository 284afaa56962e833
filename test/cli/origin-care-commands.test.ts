import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { adoptCommand } from '../../cli/commands/adopt.ts'
import { gcCommand } from '../../cli/commands/gc.ts'
import { rmCommand } from '../../cli/commands/rm.ts'
import { tagCommand } from '../../cli/commands/tag.ts'
import { verifyCommand } from '../../cli/commands/verify.ts'
import { noise, OriginFixture } from '../origin/fixture.ts'

let fixture: OriginFixture
let printed: string[]
let configFolder: string
beforeEach(async () => {
  fixture = await OriginFixture.create()
  configFolder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  vi.stubEnv('XDG_CONFIG_HOME', configFolder)
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line) => printed.push(String(line)))
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
})
afterEach(async () => {
  process.exitCode = undefined
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  await fixture.remove()
  await rm(configFolder, { recursive: true, force: true })
})

async function run(...args: string[]): Promise<string> {
  printed.length = 0
  const program = new Command('holdfast')
  for (const command of [adoptCommand(), verifyCommand(), rmCommand(), gcCommand(), tagCommand()]) {
    program.addCommand(command.exitOverride().configureOutput({ writeErr: () => {}, writeOut: (t) => printed.push(t) }))
  }
  await program.exitOverride().parseAsync([...args, '--origin', fixture.store.url], { from: 'user' })
  return printed.join('\n')
}

describe('the commands that look after an origin', () => {
  test('verify, remove and collect a model', async () => {
    await fixture.push(await fixture.model('m', { a: noise('a', 100_000) }), 'acme/m:v1')
    expect(await run('verify')).toBe('1 model, 1 file, 100 kB: all good')
    expect(await run('rm', 'acme/m:v1')).toMatch(/^acme\/m:v1 is removed; it was sha256:\w{64}$/)
    expect(await run('gc')).toMatch(/^freed 0 B: 0 packs/)
    expect(await run('gc', '--grace-hours', '0', '--dry-run')).toMatch(/^would free 101 kB: 1 packs and 1 manifests/)
    expect(JSON.parse(await run('gc', '--grace-hours', '0', '--json'))).toMatchObject({
      packsDeleted: 1,
      dryRun: false,
    })
    expect(await fixture.objectKeys('objects/')).toEqual([])
    await expect(run('gc', '--grace-hours', 'soon')).rejects.toMatchObject({ code: 'commander.invalidArgument' })
  })

  test('verify ends with exit code 1 and names what is bad', async () => {
    await fixture.push(await fixture.model('m', { a: noise('a', 100_000) }), 'acme/m:v1')
    const [pack] = await fixture.objectKeys('objects/')
    await fixture.store.put(pack!, [noise('b', 100_000)])
    expect(await run('verify', 'acme/m:v1')).toContain(`bad: acme/m:v1: a, 100000 bytes from 0 (in ${pack})`)
    expect(process.exitCode).toBe(1)
    expect(JSON.parse(await run('verify', '--json')).bad).toMatchObject([{ code: 'DIGEST_MISMATCH', path: 'a' }])
  })

  test('tag moves a tag, lists its history and rolls it back', async () => {
    await fixture.push(await fixture.model('one', { a: 'one' }), 'acme/m:v1')
    await fixture.push(await fixture.model('two', { a: 'two' }), 'acme/m:v2')
    expect(await run('tag', 'acme/m:stable', 'acme/m:v1')).toMatch(/^acme\/m:stable is sha256:\w{64} \(sequence 1\)$/)
    expect(await run('tag', 'acme/m:stable', 'acme/m:v2')).toMatch(/\(sequence 2\); it was \w{12}$/)
    expect(await run('tag', 'acme/m:stable', 'acme/m:v2')).toMatch(/ was already .*\(sequence 2\)$/)
    const listed = JSON.parse(await run('tag', '--list', 'acme/m', '--json')) as { model: string; sequence: number }[]
    expect(listed.map(({ model, sequence }) => `${model} ${sequence}`)).toEqual([
      'acme/m:stable 2',
      'acme/m:stable 1',
      'acme/m:v1 1',
      'acme/m:v2 1',
    ])
    expect(await run('tag', '--list', 'acme/m:stable')).toMatch(
      /^acme\/m:stable\t2\t\w{12}\t\d{4}-\d\d-\d\dT[\d:.]+Z\tcurrent\nacme\/m:stable\t1\t.*\tearlier$/,
    )
    const back = JSON.parse(await run('tag', '--rollback', 'acme/m:stable', '--json'))
    expect(back).toMatchObject({ model: 'acme/m:stable', moved: true, ref: { sequence: 3 }, before: { sequence: 2 } })
    expect(await run('tag', '--rollback', 'acme/m:stable', '--to', '2')).toContain('(sequence 4)')
  })

  test.each([
    ['acme/m'],
    ['acme/m', 'acme/n', '--list'],
    ['acme/m', '--list', '--rollback'],
    ['acme/m', 'acme/n', '--to', '2'],
    ['acme/m', '--rollback', '--to', '0'],
  ])('tag %s %s %s %s is a wrong usage', async (...args) => {
    await expect(run('tag', ...args)).rejects.toMatchObject({ name: 'CommanderError' })
  })

  test('adopt makes a model in place', async () => {
    await fixture.store.put('seed', [])
    await cp(await fixture.model('m', { a: 'one', b: 'two' }), join(fixture.originFolder, 'plain'), { recursive: true })
    const from = `${fixture.store.url}/plain`
    expect(await run('adopt', from, 'acme/plain')).toMatch(
      /^acme\/plain:latest is sha256:\w{64} \(sequence 1\)\n2 files, 6 B/,
    )
    expect(JSON.parse(await run('adopt', from, 'acme/plain', '--json'))).toMatchObject({ files: 2, moved: false })
    expect(await fixture.objectKeys('objects/')).toEqual([])
  })
})
