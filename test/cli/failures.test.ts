/** One rule for failures, for every command: exit codes, streams, and one JSON value with --json. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../cli/index.ts'
import { nearModels } from '../../cli/near-models.ts'
import { asksForJson } from '../../cli/report-failure.ts'
import { noise, OriginFixture } from '../origin/fixture.ts'
import { holdfast } from '../support/holdfast-command.ts'
import { root } from '../support/source-files.ts'

let fixture: OriginFixture
let folder: string
let environment: NodeJS.ProcessEnv
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-failures-'))
  fixture = await OriginFixture.create()
  await fixture.push(await fixture.model('m', { a: noise('a', 100) }), 'acme/resnet50:v3')
  environment = { HOLDFAST_ORIGIN: fixture.store.url, HOLDFAST_URL: 'http://127.0.0.1:9', XDG_CONFIG_HOME: folder }
})
afterAll(async () => {
  await fixture.remove()
  await rm(folder, { recursive: true })
})

/** A way to fail for every command that has --json. */
const failures: Readonly<Record<string, { readonly args: readonly string[]; readonly code: string }>> = {
  init: { args: ['--cluster-key-file', '/nowhere/key'], code: 'BAD_CONFIG' },
  doctor: { args: ['--config', '/nowhere.yaml'], code: 'BAD_CONFIG' },
  'config show': { args: ['--config', '/nowhere.yaml'], code: 'BAD_CONFIG' },
  'config validate': { args: ['--config', '/nowhere.yaml'], code: 'BAD_CONFIG' },
  push: { args: ['/nowhere/at/all', 'acme/m'], code: 'BAD_REQUEST' },
  adopt: { args: ['s3://elsewhere/x', 'acme/m'], code: 'BAD_ORIGIN_URL' },
  pull: { args: ['acme/resnet50:v4', '/nowhere/out'], code: 'UNKNOWN_MODEL' },
  ls: { args: ['--origin', 'file:///nowhere/at/all'], code: 'ORIGIN_UNAVAILABLE' },
  stat: { args: ['acme/resnet50:v4'], code: 'UNKNOWN_MODEL' },
  verify: { args: ['acme/resnet50:v4'], code: 'UNKNOWN_MODEL' },
  tag: { args: ['acme/resnet50:v5', 'acme/resnet50:v4'], code: 'UNKNOWN_MODEL' },
  rm: { args: ['acme/resnet50:v4'], code: 'UNKNOWN_MODEL' },
  gc: { args: ['--origin', 'nonsense'], code: 'BAD_ORIGIN_URL' },
  open: {
    args: ['acme/m', '--socket', '/nowhere/socket'],
    // These tests run without the native part, too.
    code: existsSync(join(root, 'native', 'lib', 'holdfast.node')) ? 'STORE_UNREACHABLE' : 'NATIVE_MISSING',
  },
  bench: { args: ['nothing'], code: 'BAD_REQUEST' },
  'sim run': { args: ['/nowhere.yaml'], code: 'BAD_SCENARIO' },
  'sim compare': { args: ['/nowhere.yaml'], code: 'BAD_SCENARIO' },
  'sim sweep': { args: ['/nowhere.yaml'], code: 'BAD_SCENARIO' },
  'sim capacity': { args: ['/nowhere.yaml', '--target', 'hitPercent>=80'], code: 'BAD_SCENARIO' },
  'sim replay': { args: ['--policies', 'none'], code: 'BAD_REQUEST' },
  ...Object.fromEntries(
    ['prefetch', 'unpin', 'evict', 'invalidate', 'predict', 'route', 'ban', 'unban'].map((name) => [
      name,
      { args: ['acme/m'], code: 'NODE_UNREACHABLE' },
    ]),
  ),
  ...Object.fromEntries(
    ['tenant add', 'tenant rm', 'tenant token'].map((name) => [name, { args: ['team-a'], code: 'NODE_UNREACHABLE' }]),
  ),
  ...Object.fromEntries(
    ['pin', 'status', 'peers', 'plan', 'fetches', 'tenant ls', 'tenant show'].map((name) => [
      name,
      { args: [], code: 'NODE_UNREACHABLE' },
    ]),
  ),
}

describe('a failure', () => {
  it('is listed here for every command that has --json', async () => {
    const { commands } = await createProgram()
    const leaves = commands.flatMap((command) =>
      command.commands.length === 0
        ? [{ path: command.name(), command }]
        : command.commands.map((inner) => ({ path: `${command.name()} ${inner.name()}`, command: inner })),
    )
    const withJson = leaves.filter(({ command }) => command.options.some(({ long }) => long === '--json'))
    expect(withJson.map(({ path }) => path).sort()).toEqual(Object.keys(failures).sort())
  })

  it.each(Object.entries(failures))(
    'of %s is one JSON object on stdout, and a message on stderr',
    async (path, failure) => {
      const { code, stdout, stderr } = await holdfast([...path.split(' '), ...failure.args, '--json'], environment)
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`${failure.code}: `) })
      const { error } = JSON.parse(stdout)
      expect(error).toMatchObject({ code: failure.code, action: expect.any(String), details: expect.any(Object) })
      expect(stderr).toContain(`holdfast: ${error.message}\n`)
    },
  )

  it.each([
    { args: ['lss'], says: /^Unknown command 'lss' \(Did you mean ls\?\)$/ },
    { args: ['ls', '--orign', 'x'], says: /^Unknown option '--orign' \(Did you mean --origin\?\)$/ },
    { args: ['push', 'x'], says: 'Pass a source and a name, or --all DIR.' },
    { args: ['pull'], says: "Missing required argument 'name'." },
    { args: ['pin', 'acme/m', '--tier', 'memry'], says: /Allowed choices are memory, disk\.$/ },
    { args: ['sim', 'rnu'], says: /^Unknown command 'rnu' \(Did you mean run\?\)$/ },
  ])('of usage, $args, has exit code 2 and BAD_USAGE', async ({ args, says }) => {
    const { code, stdout, stderr } = await holdfast([...args, '--json'], environment)
    expect({ code, error: JSON.parse(stdout).error }).toMatchObject({ code: 2, error: { code: 'BAD_USAGE' } })
    expect(JSON.parse(stdout).error.message).toEqual(expect.stringMatching(says))
    expect(stderr).toMatch(/^error: /)
    const plain = await holdfast(args, environment)
    expect({ code: plain.code, stdout: plain.stdout }).toEqual({ code: 2, stdout: '' })
  })

  it('has near names: other tags of the model, or models of nearly the same name', async () => {
    const tag = await holdfast(['stat', 'acme/resnet50:v4', '--json'], environment)
    expect(JSON.parse(tag.stdout).error.near).toEqual(['acme/resnet50:v3'])
    const model = await holdfast(['pull', 'acme/rsenet50:v3', '/nowhere'], environment)
    expect(model.stderr).toContain('Did you mean acme/resnet50:v3?')
  })

  it('is in colour for FORCE_COLOR alone: a pipe is no terminal, and NO_COLOR is honoured', async () => {
    const plain = await holdfast(['ls', '--origin', 'x'], { ...environment, FORCE_COLOR: undefined })
    expect(plain.stderr).toMatch(/^holdfast: /)
    const forced = await holdfast(['ls', '--origin', 'x'], { ...environment, NO_COLOR: undefined, FORCE_COLOR: '1' })
    expect(forced.stderr.startsWith('\u001b[31mholdfast:\u001b[39m ')).toBe(true)
  })
})

describe('near models', () => {
  const known = ['acme/bert:v1', 'acme/bert:v2', 'acme/llama-7b:v1', 'acme/llama-70b:v1', 'other/gpt:latest']
  it.each([
    { wanted: 'acme/bert:v3', near: ['acme/bert:v1', 'acme/bert:v2'] },
    { wanted: 'acme/brt:v2', near: ['acme/bert:v2', 'acme/bert:v1'] },
    { wanted: 'acme/gpt', near: ['other/gpt:latest'] },
    { wanted: 'somebody/completely-else', near: [] },
  ])('of $wanted', async ({ wanted, near }) => {
    expect(await nearModels(wanted, known)).toEqual(near)
  })

  it('a word after -- is no option', () => {
    expect([asksForJson(['ls', '--json']), asksForJson(['ls', '--', '--json'])]).toEqual([true, false])
  })
})
