/**
 * What a command loads before it works. Scripts start commands by the thousand, and every module costs: a room that a command does not
 * use must not come with the front door of another.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../support/source-files.ts'

const entry = join(root, 'bin', 'holdfast.js')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-modules-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs in the process before the command line, and writes the URL of every module that is loaded. */
const recorder = `
  import { writeFileSync } from 'node:fs'
  import { registerHooks } from 'node:module'
  const urls = []
  registerHooks({ load(url, context, next) { urls.push(url); return next(url, context) } })
  process.on('exit', () => writeFileSync(process.env.LOADED_MODULES, urls.join('\\n')))`

/** The files that `holdfast ...` loads, from the root of the project, those of a package as 'node_modules/NAME'. */
async function loadedBy(words: readonly string[]): Promise<string[]> {
  const record = join(folder, `${words.join('-').replaceAll(/[^a-z-]/g, '_')}.txt`)
  const hook = `data:text/javascript,${encodeURIComponent(recorder)}`
  const env = { ...process.env, LOADED_MODULES: record }
  // These commands fail for want of an origin or a node, after they were loaded.
  await promisify(execFile)(process.execPath, ['--import', hook, entry, ...words], { env }).catch(() => {})
  const files = readFileSync(record, 'utf8').split('\n')
  return files
    .filter((url) => url.startsWith('file:'))
    .map((url) => relative(root, fileURLToPath(url)))
    .map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path)
}

/** Only what every command needs: the program, its own file, errors and the version. */
const everywhere = /^(bin|cli|common|node\/system)\/|^package\.json$|^node_modules\/commander$/
const ofOrigin = new RegExp(`${everywhere.source}|^origin/|^node_modules/p-`)
/** They read, hash and write on native threads. */
const ofBytes = new RegExp(`${ofOrigin.source}|^native/`)

describe('a command loads what it uses', () => {
  it.each([
    { words: ['--version'], files: everywhere, modulesMax: 40 },
    { words: ['status', '--url', 'http://127.0.0.1:1'], files: everywhere, modulesMax: 45 },
    { words: ['ls', '--origin', 'file:///nowhere'], files: ofOrigin, modulesMax: 132 },
    { words: ['push', '/nowhere', 'a/b', '--origin', 'file:///nowhere'], files: ofBytes, modulesMax: 145 },
    { words: ['pull', 'a/b', '--origin', 'file:///nowhere'], files: ofBytes, modulesMax: 145 },
  ])('$words', async ({ words, files, modulesMax }) => {
    const loaded = await loadedBy(words)
    expect(loaded).toContain('cli/main.ts')
    expect(loaded.filter((file) => !files.test(file))).toEqual([])
    expect(loaded.length).toBeLessThan(modulesMax)
  })

  it('of all commands, help loads the table of options, and no room that works', async () => {
    const loaded = await loadedBy(['--help'])
    expect(loaded).toContain('cli/commands/ls.ts')
    expect(loaded.filter((file) => /^(core|placement|origin|native|sim|demo)\//.test(file))).toEqual([])
  })
})
