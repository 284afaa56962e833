// docs/reference/errors.md, from the table of errors.
import { errorTable } from '../../common/index.ts'

const head = `# Errors

Every failure has a stable code. Over HTTP it is in the header \`holdfast-error\` and, on Holdfast's own routes, in the body
(\`{"error": {"code", "message", "action", "details"}}\`); the command line prints it below the message and exits with 1.
This page is written from the table in \`common/errors.ts\` by \`npm run docs\`.

| code | HTTP | meaning | what to do |
|---|---|---|---|
`

export function errorsDocument(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { status, meaning, action }]) => `| \`${code}\` | ${status} | ${meaning} | ${action} |\n`,
  )
  return `${head}${rows.join('')}`
}
