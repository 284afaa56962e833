/** The pages that are made from the code say what the code says. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../node/cli/program.ts'
import { commandsDocument, helpAfterOptions } from '../../scripts/commands-document.ts'
import { configDocument } from '../../scripts/config-document.ts'

const page = (name: string) => readFileSync(join(import.meta.dirname, '..', '..', 'docs', name), 'utf8')

describe('docs/', () => {
  it.each([
    { name: 'configuration.md', text: configDocument },
    { name: 'commands.md', text: commandsDocument },
  ])('$name is what `node scripts/write-docs.ts` writes', ({ name, text }) => {
    expect(page(name)).toBe(text())
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
