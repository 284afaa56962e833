/** Every command block of the README and of docs/ does what it says: it is run, in order, in a world of its own per page. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parsePage } from './blocks.ts'
import { World } from './world.ts'

const root = join(import.meta.dirname, '..', '..')
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.md'),
)
const pages = ['README.md', ...docs.sort().map((name) => `docs/${name}`)]
  .map((path) => ({ path, page: parsePage(readFileSync(join(root, path), 'utf8')) }))
  .filter(({ page }) => page.blocks.length > 0)

describe.each(pages)('$path', ({ path, page }) => {
  const blocks = page.blocks.filter(({ notRun }) => notRun === null)
  let world: World
  beforeAll(async () => {
    world = await World.create(page)
  })
  afterAll(() => world.dispose())

  it.each(blocks)('line $line: $text', async (block) => {
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
