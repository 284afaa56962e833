// `npm run docs`: writes the pages that are made from the code.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writtenPages } from './docs/written-pages.ts'

const root = join(import.meta.dirname, '..')
for (const [path, text] of Object.entries(writtenPages)) writeFileSync(join(root, path), await text())
