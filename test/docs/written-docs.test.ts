/** The pages that are made from the code say what the code says. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../cli/program.ts'
import { checkOptions, loadConfig } from '../../node/config/index.ts'
import { helpAfterOptions } from '../../scripts/docs/commands-document.ts'
import { writtenPages } from '../../scripts/docs/written-pages.ts'

const hasPython = spawnSync('python3', ['-c', 'import ast; ast.unparse'], { stdio: 'ignore' }).status === 0
const page = (path: string) => readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')

describe('what is written from the code', () => {
  const written = Object.entries(writtenPages)
  const canBeWritten = (name: string) => name !== 'docs/reference/api-python.md' || hasPython

  it.each(written.filter(([name]) => canBeWritten(name)))('%s is what `npm run docs` writes', async (name, text) => {
    expect(page(name)).toBe(await text())
  })

  it.skipIf(hasPython)('docs/reference/api-python.md is not compared: there is no python3 here', () => {})
})

describe('the sample configuration', () => {
  it('starts a node', () => {
    const { options } = loadConfig({ file: join(import.meta.dirname, '..', '..', 'deploy', 'node.yaml') })
    expect(checkOptions(options)).toEqual([])
  })
})

const program = await createProgram()

describe('the help', () => {
  const leaves = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]))

  it.each(leaves.map((command) => ({ name: command.name(), command })))('of $name has an example', ({ command }) => {
    expect(helpAfterOptions(command)).toMatch(/^ +\$ (\S+=\S+ )?holdfast /m)
  })
})
