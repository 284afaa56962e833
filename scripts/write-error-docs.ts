// Writes docs/errors.md from the table of errors. A test holds the two equal.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorTable } from '../common/index.ts'

const rows = Object.entries(errorTable).map(
  ([code, { status, meaning, action }]) => `| \`${code}\` | ${status} | ${meaning} | ${action} |`,
)
const text = `# Errors

Every failure has a stable code. Over HTTP it is in the header \`holdfast-error\` and, on Holdfast's own routes, in the body
(\`{"error": {"code", "message", "action", "details"}}\`); the command line prints it below the message and exits with 1.
This page is written from the table in \`common/errors.ts\` by \`npm run docs\`.

| code | HTTP | meaning | what to do |
|---|---|---|---|
${rows.join('\n')}
`
writeFileSync(join(import.meta.dirname, '..', 'docs', 'errors.md'), text)
