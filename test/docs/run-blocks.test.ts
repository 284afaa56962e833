/** Every command block of the README, of docs/ and of examples/ does what it says: it is run, in order, in a world of its own per page. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isThorough } from '../support/thorough.ts'
import { parsePage } from './blocks.ts'
import { World } from './world.ts'

const root = join(import.meta.dirname, '..', '..')
const hasPython = spawnSync('python3', ['--version'], { stdio: 'ignore' }).status === 0
/** Each page has a world of its own, and the long ones take a minute. */
const shortPages = ['README.md', 'docs/reference/configuration.md']
const below = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `${folder}/${name}`)
const pages = ['README.md', ...below('docs'), ...below('examples')]
  .map((path) => ({ path, page: parsePage(readFileSync(join(root, path), 'utf8')) }))
  .filter(({ path, page }) => page.blocks.length > 0 && (isThorough || shortPages.includes(path)))

describe.each(pages)('$path', ({ path, page }) => {
  const blocks = page.blocks.filter(({ notRun }) => notRun === null)
  let world: World
  beforeAll(async () => {
    world = await World.create(page)
  })
  afterAll(() => world.dispose())

  it.for(blocks)('line $line: $text', async (block, { skip }) => {
    skip(/\bpython3\b/.test(block.text) && !hasPython, 'there is no python3 here')
    const { code, output } = await world.run(block)
    expect({ code, output }).toEqual({ code: 0, output: expect.any(String) })
  })

  it('says why of every block that is not run', () => {
    for (const { line, notRun } of page.blocks) {
      if (notRun === null) continue
      console.log(`${path}:${line} is not run: ${notRun}`)
      expect(notRun.length).toBeGreaterThan(10)
    }
    expect(blocks.length).toBeGreaterThan(0)
  })
})
