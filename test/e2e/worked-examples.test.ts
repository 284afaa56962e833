/** "Where a new thing goes" of ARCHITECTURE.md, tried out: what the compiler asks for is what the table says. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../support/source-files.ts'

interface Example {
  /** The row of the table. */
  readonly what: string
  readonly file: string
  readonly before: string
  readonly after: string
  /** What the compiler has to ask for besides. */
  readonly asks: readonly string[]
}

const examples: readonly Example[] = [
  {
    what: 'tier',
    file: 'common/tiers.ts',
    before: 'device: { isLocal: false',
    after: 'device: { isLocal: true',
    asks: ['native/store.ts'],
  },
  {
    what: 'field of gossip',
    file: 'core/events.ts',
    before: '  readonly draining: boolean\n',
    after: '  readonly draining: boolean\n  readonly coreCount: number\n',
    asks: ['core/cluster/entry-format.ts', 'node/cluster/state-reporter.ts', 'sim/node/messenger.ts'],
  },
  {
    what: 'call of the store',
    file: 'native/types.ts',
    before: '  stats(): StoreStats\n',
    after: '  stats(): StoreStats\n  flush(): Promise<void>\n',
    asks: [],
  },
]

const sources = ['bench', 'cli', 'clients', 'common', 'core', 'demo', 'native', 'node', 'origin', 'placement', 'sim']
const filesMax = 4
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-examples-'))
  const isSource = (path: string) => !/\.(node|so|cc|h)(\.|$)/.test(path)
  for (const name of sources) cpSync(join(root, name), join(folder, name), { recursive: true, filter: isSource })
  for (const name of ['package.json', 'tsconfig.json']) cpSync(join(root, name), join(folder, name))
  const options = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as object
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, include: sources }))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Files that do not compile. */
function complaints(): Promise<string[]> {
  return new Promise((resolve) => {
    execFile(
      join(root, 'node_modules/.bin/tsc'),
      ['--noEmit', '--pretty', 'false'],
      { cwd: folder },
      (_error, stdout) => {
        const files = [...stdout.matchAll(/^(\S+?)\(\d+,\d+\): error/gm)].map((match) => match[1]!)
        resolve([...new Set(files)].sort())
      },
    )
  })
}

function filesOf(what: string): string[] {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8').split('## Where a new thing goes')[1]!
  const row = page.split('\n').find((line) => line.startsWith(`| ${what} |`))!
  return [...row.split('|')[3]!.matchAll(/`([^`]+\/[^`]+\.\w+)`/g)]
    .map((match) => match[1]!)
    .filter((name) => name.includes('.'))
}

test('a new tier, field of gossip or call of the store asks for the files of its row, and no others', async () => {
  for (const { file, before, after } of examples) {
    const path = join(folder, file)
    const text = readFileSync(path, 'utf8')
    expect(text).toContain(before)
    writeFileSync(path, text.replace(before, after))
  }
  expect(await complaints()).toEqual(examples.flatMap(({ asks }) => asks).sort())
})

test.each(examples)(
  'the row of a new $what has what was touched, and no more than four files',
  ({ what, file, asks }) => {
    const files = filesOf(what)
    expect(files).toEqual(expect.arrayContaining([file, ...asks]))
    expect(files.length).toBeLessThanOrEqual(filesMax)
  },
)
