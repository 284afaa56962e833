/**
 * A port names the suite that its implementations pass: a docstring with the line "Suite: test/conformance/NAME.suite.ts". A fake that
 * no suite holds lets tests pass by what only the fake does.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSource, root, sourceFiles } from '../support/source-files.ts'

const suiteLine = /\bSuite: (test\/conformance\/[\w-]+\.suite\.ts)/
const rooms = ['clients', 'common', 'core', 'native', 'node', 'origin', 'placement', 'sim']

interface Declared {
  readonly name: string
  readonly doc: string
  readonly body: string
}

/** The exported interfaces of a file. */
function interfacesOf(file: string): Declared[] {
  const declaration = /(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?export interface (\w+)[^{]*\{\n([\s\S]*?)\n\}/g
  return [...readSource(file).matchAll(declaration)].map(([, doc = '', name, body]) => ({
    name: name!,
    doc,
    body: body!,
  }))
}

const hasMethods = ({ body }: Declared) => /^ {2}\w+\(/m.test(body)
const declared = sourceFiles(['node/ports']).flatMap(interfacesOf)
/** What the daemon hands to a port, such as events and sinks, is held by the suite of that port. */
const isHandedIn = ({ name }: Declared) => declared.some(({ body }) => new RegExp(`\\(.*: ${name}\\b`).test(body))
const ports = declared.filter((type) => hasMethods(type) && !isHandedIn(type))

const suites = sourceFiles(['test/conformance'], '.suite.ts')
const tests = sourceFiles(['test'], '.test.ts')

/** How often tests run a suite: once for each implementation. */
function runsOf(suite: string): number {
  const [, run] = /^export function (test\w+)\(/m.exec(readSource(suite))!
  const call = new RegExp(`\\b${run}\\(`, 'g')
  return tests.reduce((sum, file) => sum + [...readSource(file).matchAll(call)].length, 0)
}

describe('the ports of the daemon', () => {
  it('are found', () => {
    expect(ports.map(({ name }) => name)).toEqual(['ClusterNetwork', 'BulkTransport', 'StateStore', 'Runtime'])
  })

  it.each(ports)('$name names its suite', ({ doc }) => {
    const suite = suiteLine.exec(doc)?.[1]
    expect(suite).toBeDefined()
    expect(existsSync(join(root, suite!))).toBe(true)
  })
})

describe.each(suites)('%s', (suite) => {
  it('is named by what it holds', () => {
    const naming = sourceFiles(rooms).filter(
      (file) => suiteLine.exec(readSource(file)) && readSource(file).includes(suite),
    )
    expect(naming).toHaveLength(1)
  })

  it('is run on two implementations or more', () => {
    expect(runsOf(suite)).toBeGreaterThanOrEqual(2)
  })
})
