// Writes the pages of docs/ and the sample configuration, which are made from the code. Tests hold each equal to its source.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandsDocument } from './commands-document.ts'
import { configDocument } from './config-document.ts'
import { sampleConfig } from './sample-config.ts'

const docs = join(import.meta.dirname, '..', 'docs')
writeFileSync(join(docs, 'configuration.md'), configDocument())
writeFileSync(join(docs, 'commands.md'), commandsDocument())
writeFileSync(join(docs, '..', 'deploy', 'node.yaml'), sampleConfig())
