/** Every relative link of the pages leads to a file of the repository, and to a heading of it where it names one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../support/source-files.ts'

const below = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
const top = readdirSync(root)
const pages = [...top, ...below('docs'), ...below('examples')].filter((path) => path.endsWith('.md')).sort()

function linksOf(page: string): string[] {
  const prose = read(page).replace(/^```[\s\S]*?^```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!).filter((link) => !/^[a-z]+:/.test(link))
}

function read(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(pages)('%s', (page) => {
  it('has no link that leads nowhere', () => {
    const broken = linksOf(page).filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      if (!existsSync(join(root, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })
    expect(broken).toEqual([])
  })
})

describe('the pages of docs/ and examples/', () => {
  it('are each reached from another page', () => {
    const linked = new Set(
      pages.flatMap((page) => linksOf(page).map((link) => join(dirname(page), link.split('#')[0]!))),
    )
    const files = pages.filter((page) => page.includes('/'))
    expect(files.filter((page) => !linked.has(page))).toEqual([])
  })
})
