/** The pages that are made from the code say what the code says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../cli/program.ts'
import { checkOptions, loadConfig } from '../../node/config/index.ts'
import { helpAfterOptions } from '../../scripts/docs/commands-document.ts'
import { writtenPages } from '../../scripts/docs/written-pages.ts'

const page = (path: string) => readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')

describe('what is written from the code', () => {
  it.each(Object.entries(writtenPages))('%s is what `npm run docs` writes', (name, text) => {
    expect(page(name)).toBe(text())
  })
})

describe('the sample configuration', () => {
  it('starts a node', () => {
    const { options } = loadConfig({ file: join(import.meta.dirname, '..', '..', 'deploy', 'node.yaml') })
    expect(checkOptions(options)).toEqual([])
  })
})

describe('the help', () => {
  const leaves = createProgram().commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  )

  it.each(leaves.map((command) => ({ name: command.name(), command })))('of $name has an example', ({ command }) => {
    expect(helpAfterOptions(command)).toMatch(/^ +\$ (\S+=\S+ )?holdfast /m)
  })
})
