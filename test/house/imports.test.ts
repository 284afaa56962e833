/** The table of imports in ARCHITECTURE.md, read and checked. A wall that is only drawn does not stand. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf, readSource, root, sourceFiles, valueImportsOf } from '../support/source-files.ts'

interface Rule {
  readonly room: string
  /** '*' allows any. */
  readonly rooms: readonly string[]
  readonly packages: readonly string[]
}

const rules = readRules(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))
const rooms = rules.map(({ room }) => room).sort((a, b) => b.length - a.length)
const tops = ['bench', 'cli', 'clients', 'common', 'core', 'demo', 'native', 'node', 'origin', 'placement', 'sim']
const files = sourceFiles(tops)
const isOwn = (target: string) => /\.(ts|json)$/.test(target) && tops.some((top) => target.startsWith(`${top}/`))

function readRules(page: string): Rule[] {
  const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
  const [, section] = page.split('## Rooms, and who may import whom')
  return section!
    .split('\n## ')[0]!
    .split('\n')
    .flatMap((line) => {
      const [, room, , allowed, packages] = line.split('|')
      const [name] = names(room ?? '')
      return name === undefined || packages === undefined
        ? []
        : [{ room: name, rooms: names(allowed!), packages: names(packages) }]
    })
}

function roomOf(path: string): string | null {
  return rooms.find((room) => path.startsWith(`${room}/`)) ?? null
}

describe.each(rules)('$room', ({ room, rooms: allowed, packages }) => {
  it('imports only what its row of the table allows', () => {
    const own = files.filter((file) => roomOf(file) === room)
    const isAllowed = (target: string) => {
      if (!isOwn(target)) return packages.includes('*') || packages.some((prefix) => target.startsWith(prefix))
      const other = roomOf(target)
      return other === room || allowed.includes('*') || (other !== null && allowed.includes(other))
    }
    const breaches = own.flatMap((file) =>
      importsOf(file)
        .filter((target) => !isAllowed(target))
        .map((target) => `${file} imports ${target}`),
    )
    expect(own.length).toBeGreaterThan(0)
    expect(breaches).toEqual([])
  })
})

describe('every source file', () => {
  it('lies in a room of the table', () => {
    expect(files.filter((file) => roomOf(file) === null)).toEqual([])
  })

  it('enters another room by its front door', () => {
    const passing = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => isOwn(target) && target.endsWith('.ts') && roomOf(target) !== roomOf(file))
        .filter((target) => target !== `${roomOf(target)}/index.ts`)
        .map((target) => `${file} imports ${target}`),
    )
    expect(passing).toEqual([])
  })

  it('is on no circle of imports, types included', () => {
    expect(circles(files, (file) => importsOf(file).filter((target) => files.includes(target)))).toEqual([])
  })
})

describe('the daemon', () => {
  it('is imported by the command line only', () => {
    const importers = files.filter((file) => importsOf(file).includes('node/main/index.ts'))
    expect(importers).toEqual(['cli/run-node.ts'])
  })
})

describe('unit tests', () => {
  // The project `unit` has to pass where nothing was compiled; what needs the addon is in the project `native`.
  const [, folders] = /'unit', \['test\/\{([a-z,]+)\}/.exec(readSource('vitest.config.ts'))!
  const tests = sourceFiles(folders!.split(',').map((folder) => `test/${folder}`))

  it('need no native part', () => {
    const reaching = tests.filter((file) => file.endsWith('.test.ts')).map((file) => pathTo('native/index.ts', file))
    expect(reaching.filter((path) => path !== null)).toEqual([])
  })
})

/** Strongly connected sets of more than one file (Tarjan, "Depth-first search and linear graph algorithms", 1972). */
function circles(nodes: readonly string[], next: (node: string) => string[]): string[][] {
  const found: string[][] = []
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (node: string) => {
    index.set(node, index.size)
    low.set(node, index.get(node)!)
    stack.push(node)
    for (const other of next(node)) {
      if (!index.has(other)) visit(other)
      if (stack.includes(other)) low.set(node, Math.min(low.get(node)!, low.get(other)!))
    }
    if (low.get(node) !== index.get(node)) return
    const circle = stack.splice(stack.indexOf(node))
    if (circle.length > 1) found.push(circle.sort())
  }
  for (const node of nodes) if (!index.has(node)) visit(node)
  return found
}

/** The imports that lead from a file to another, one after another; null when none do. */
function pathTo(end: string, start: string): string | null {
  const cameFrom = new Map<string, string | null>([[start, null]])
  for (const file of cameFrom.keys()) {
    for (const target of file.endsWith('.ts') ? valueImportsOf(file) : []) {
      if (cameFrom.has(target)) continue
      cameFrom.set(target, file)
      if (target !== end) continue
      const path = [target]
      for (let at: string | null = file; at !== null; at = cameFrom.get(at)!) path.unshift(at)
      return path.join(' > ')
    }
  }
  return null
}
