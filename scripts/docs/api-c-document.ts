// docs/reference/api-c.md, from the comments of holdfast.h.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const headerPath = join(import.meta.dirname, '..', '..', 'native', 'include', 'holdfast', 'holdfast.h')

/** A declaration, or several of one paragraph that one comment explains. */
interface Entry {
  readonly names: string[]
  readonly comment: string
  readonly code: string[]
}

export function cApiDocument(): string {
  const text = readFileSync(headerPath, 'utf8')
  const body = text.slice(
    text.indexOf('#define HOLDFAST_API_VERSION') - commentLength(text),
    text.lastIndexOf('#ifdef __cplusplus'),
  )
  const sections = entriesOf(body).map(sectionOf)
  const head =
    '# The C library\n\nThis page is written from the comments of [holdfast.h](../../native/include/holdfast/holdfast.h) by `npm run docs`.\n'
  return `${head}${introOf(text)}\n${sections.join('\n')}`
}

/** Of the comment right above the first macro. */
function commentLength(text: string): number {
  const above = text.slice(0, text.indexOf('#define HOLDFAST_API_VERSION'))
  return above.length - above.lastIndexOf('/*')
}

/** The comment at the head of the file; what is indented in it is an example. */
function introOf(text: string): string {
  const lines = unwrap(text.slice(0, text.indexOf('*/')))
  const parts: string[] = []
  for (const block of lines.join('\n').split('\n\n')) {
    const isExample = block.split('\n').every((line) => line.startsWith('  '))
    parts.push(isExample ? `\`\`\`c\n${block.replace(/^ {2}/gm, '')}\n\`\`\`` : block.replace(/^(\w+)\. /, '**$1.** '))
  }
  return `\n${parts.join('\n\n')}\n`
}

function unwrap(comment: string): string[] {
  return comment
    .replace(/^\/\*/, '')
    .split('\n')
    .map((line) => line.replace(/^ \*( |$)/, ''))
    .join('\n')
    .trim()
    .split('\n')
}

function entriesOf(body: string): Entry[] {
  const entries: Entry[] = []
  const pattern =
    /(^\n)?(\/\*[\s\S]*?\*\/\n)?^((?:#define|typedef|HOLDFAST_API)\b(?:[^;{\n]*\{[\s\S]*?^\}[^;]*;|[^;#]*?;|.*))$/gm
  for (const [, gap, comment, declaration = ''] of body.matchAll(pattern)) {
    const code = declaration.replaceAll(/^HOLDFAST_API /gm, '').replaceAll(/\n {10,}/g, '\n    ')
    const name = nameOf(code)
    const last = entries.at(-1)
    if (gap === undefined && comment === undefined && last !== undefined) {
      last.names.push(name)
      last.code.push(code)
    } else {
      entries.push({
        names: [name],
        code: [code],
        comment: comment === undefined ? '' : unwrap(comment.replace(/\*\/\n$/, '')).join('\n'),
      })
    }
  }
  return entries
}

function nameOf(code: string): string {
  const found = /^#define (\w+)/.exec(code) ?? /(\w+)\(/.exec(code) ?? /(\w+);$/.exec(code)
  if (found === null) throw new Error(`no name in: ${code}`)
  return found[1]!
}

function sectionOf({ names, comment, code }: Entry): string {
  const title = names.map((name) => `\`${name}\``).join(', ')
  return `## ${title}\n\n\`\`\`c\n${code.join('\n')}\n\`\`\`\n${comment === '' ? '' : `\n${comment}\n`}`
}
