// Writes the pages of docs/ that are made from the code. Tests hold each equal to its source.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandsDocument } from './commands-document.ts'
import { configDocument } from './config-document.ts'

const docs = join(import.meta.dirname, '..', 'docs')
writeFileSync(join(docs, 'configuration.md'), configDocument())
writeFileSync(join(docs, 'commands.md'), commandsDocument())
