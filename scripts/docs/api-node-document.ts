// docs/reference/api-node.md, from the comments of what clients/node exports. Reads sources as the formatter leaves them: a
// declaration ends with the first line that closes it at its own indent.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const entry = 'clients/node/index.ts'

interface Declaration {
  readonly comment: string
  readonly code: string
}

export function nodeApiDocument(): string {
  const text = read(entry)
  const names = exportsOf(text)
  const sources = [entry, ...globSync('{native,common}/*.ts', { cwd: root }).sort()].filter(
    (path) => !/(native|common)\/index/.test(path),
  )
  const sections = names.map(({ name, shown }) => {
    const found = sources.map((path) => declarationOf(read(path), name)).find((declaration) => declaration !== null)
    if (found === undefined || found === null) throw new Error(`${entry} exports ${name}, which is declared nowhere`)
    const code = found.code.replace(new RegExp(`\\b${name}\\b`), shown)
    return `## \`${shown}\`\n\n\`\`\`ts\n${code}\n\`\`\`\n${found.comment === '' ? '' : `\n${found.comment}\n`}`
  })
  return `# The Node client

This page is written from the comments of \`clients/node\` and of what it exports by \`npm run docs\`. Codes of failures are in
[errors.md](errors.md).

${introOf(text)}

${sections.join('\n')}`
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Functions first, then what the module passes on from other rooms, in its order. */
function exportsOf(text: string): { name: string; shown: string }[] {
  const own = [...text.matchAll(/^export (?:async )?function (\w+)/gm)].map((match) => ({
    name: match[1]!,
    shown: match[1]!,
  }))
  const passed = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap((match) =>
    match[1]!
      .split(',')
      .map((part) => part.trim().replace(/^type /, ''))
      .filter((part) => part !== '')
      .map((part) => {
        const [name = '', shown = name] = part.split(' as ')
        return { name, shown }
      }),
  )
  const isFunction = ({ name }: { name: string }) => /^[a-z]/.test(name)
  return [...own, ...passed.filter(isFunction), ...passed.filter((one) => !isFunction(one))]
}

/** The comment at the head of the file; what is indented in it is an example. */
function introOf(text: string): string {
  const blocks = plain(text.slice(0, text.indexOf('*/'))).split('\n\n')
  return blocks
    .map((block) => (block.startsWith('  ') ? `\`\`\`js\n${block.replace(/^ {2}/gm, '')}\n\`\`\`` : block))
    .join('\n\n')
}

function plain(comment: string): string {
  return comment
    .replace(/^\s*\/\*\*\s?/, '')
    .replace(/\s*\*\/\s*$/, '')
    .replace(/^ *\* ?/gm, '')
    .trim()
}

function declarationOf(text: string, name: string): Declaration | null {
  const lines = text.split('\n')
  const at = lines.findIndex((line) =>
    new RegExp(`^export (async function|function|interface|type|class|abstract class) ${name}\\b`).test(line),
  )
  if (at < 0) return null
  let from = at
  if (lines[at - 1]?.endsWith('*/')) while (!lines[--from]!.startsWith('/**'));
  const comment = from === at ? '' : plain(lines.slice(from, at).join('\n'))
  const first = lines[at]!
  if (/^export (async )?function/.test(first)) return { comment, code: signatureOf(lines, at) }
  if (!first.endsWith('{')) return { comment, code: first.replace(/^export /, '') }
  const end = lines.indexOf('}', at)
  const body = lines.slice(at, end + 1)
  const code = first.includes('class ') ? membersOf(body) : body
  return { comment, code: code.join('\n').replace(/^export /, '') }
}

/** Up to the brace that opens the body. */
function signatureOf(lines: readonly string[], at: number): string {
  const end = lines.findIndex((line, index) => index >= at && line.endsWith(' {') && !line.endsWith('({'))
  return lines
    .slice(at, end + 1)
    .join('\n')
    .replace(/^export (async )?/, '')
    .replace(/ \{$/, '')
}

/** Of a class: what is public, without bodies. */
function membersOf(body: readonly string[]): string[] {
  const kept: string[] = []
  let isInside = false
  for (const line of body) {
    if (line === '  }') isInside = false
    else if (!isInside) {
      if (/^ {2}\S.*\{$/.test(line)) isInside = true
      if (!/^ {2}private /.test(line) && line.trim() !== '') kept.push(isInside ? line.replace(/ \{$/, '') : line)
    }
  }
  return kept
}
