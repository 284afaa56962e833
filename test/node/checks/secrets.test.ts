/** Secrets that others of this machine can read are warned of. */
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readableSecrets, secretArguments } from '../../../node/checks/secrets.ts'
import { loadConfig, type OptionKey } from '../../../node/config/index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const optionsWith = (flags: Partial<Record<OptionKey, string>>) => loadConfig({ flags }).options

describe('a file with secrets', () => {
  it.each([
    { mode: 0o600, isTold: false },
    { mode: 0o400, isTold: false },
    { mode: 0o640, isTold: true },
    { mode: 0o604, isTold: true },
    { mode: 0o602, isTold: true },
  ])('of mode $mode is told of: $isTold', async ({ mode, isTold }) => {
    const path = join(folder, 'secret')
    await writeFile(path, 'x')
    await chmod(path, mode)
    const link = join(folder, 'link')
    await symlink(path, link)
    for (const key of ['cluster.keyFile', 'admin.tokenFile', 'store.accessFile'] as const) {
      for (const named of [path, link]) {
        const verdicts = await readableSecrets(optionsWith({ [key]: named }))
        expect(verdicts.map(({ action }) => action)).toEqual(isTold ? [`chmod 600 ${named}`] : [])
      }
    }
  })

  it('that is not there, or not named, is told of elsewhere', async () => {
    expect(await readableSecrets(optionsWith({}))).toEqual([])
    expect(await readableSecrets(optionsWith({ 'admin.tokenFile': '/nowhere/token' }))).toEqual([])
  })
})

describe('the arguments of a process', () => {
  it.each([
    { args: ['node', '--cluster-key', 'hfk1-x'], told: ['--cluster-key'] },
    { args: ['node', '--cluster-key=hfk1-x', '--admin-token=y'], told: ['--cluster-key', '--admin-token'] },
    { args: ['node', '--origin-url', 's3://key:secret@bucket/models'], told: ['an origin URL'] },
    { args: ['node', '--cluster-key-file', '/etc/key', '--origin-url', 's3://bucket/models'], told: [] },
  ])('$args', ({ args, told }) => {
    const verdicts = secretArguments(args)
    expect(verdicts.length).toBe(told.length)
    for (const [at, flag] of told.entries()) expect(verdicts[at]!.message).toContain(flag)
    for (const { message, action } of verdicts) expect(`${message} ${action}`).not.toMatch(/hfk1-x|secret@/)
  })
})
