/** Every code of the table is used somewhere, and messages have one form. test/docs holds the page of errors equal to the table. */
import { describe, expect, it } from 'vitest'
import { errorTable } from '../../common/errors.ts'
import { readSource, sourceFiles } from '../support/source-files.ts'

describe('the error table', () => {
  it('has no code that nothing uses', () => {
    const text = sourceFiles([
      'bench',
      'cli',
      'clients',
      'core',
      'demo',
      'native',
      'node',
      'origin',
      'placement',
      'sim',
    ])
      .filter((file) => file !== 'common/errors.ts')
      .map(readSource)
      .join('\n')
    const native = [...sourceFiles(['native'], '.cc'), ...sourceFiles(['native'], '.h')].map(readSource).join('\n')
    const unused = Object.keys(errorTable).filter(
      (code) => !text.includes(`'${code}'`) && !native.includes(`"${code}"`),
    )
    expect(unused).toEqual([])
  })
})

const folders = ['bench', 'cli', 'clients', 'common', 'core', 'demo', 'native', 'node', 'origin', 'placement', 'sim']
const messages = sourceFiles(folders).flatMap((file) =>
  [...readSource(file).matchAll(/new HoldfastError\(\s*[^,()]+,\s*(['"`])((?:\\.|(?!\1).)*)\1(?!\s*\+)/gs)]
    .map((match) => match[2]!)
    // A template inside a template: the pattern sees half of it.
    .filter((text) => !text.includes('; \\') && (text.match(/\$\{/g) ?? []).length === (text.match(/\}/g) ?? []).length)
    .map((text) => ({ file, text })),
)
/** Names of options, headers, files and flags are written as they are. */
const beginsWell = (text: string) => !/^[a-z]/.test(text) || /^[a-z]+[-._/]/.test(text)
/** A message may end with that of its cause, which has the form of its author. */
const endsWell = (text: string) => /[.?]$|\$\{[^}]*\}$/.test(text)

describe('the message of an error', () => {
  it('begins with a capital letter or a name, and ends with a full stop or its cause', () => {
    expect(messages.length).toBeGreaterThan(200)
    expect(messages.filter(({ text }) => !beginsWell(text) || !endsWell(text))).toEqual([])
  })

  it('has the same form where the native store writes it', () => {
    const native = [...sourceFiles(['native'], '.cc'), ...sourceFiles(['native'], '.h')]
      .filter((file) => !file.startsWith('native/test/'))
      .flatMap((file) => nativeMessages(readSource(file)).map((text) => ({ file, text })))
    expect(native.length).toBeGreaterThan(90)
    expect(
      native.filter(({ text }) => /^"[a-z]+[^-._/a-z]/.test(text) || (text.endsWith('"') && !/[.?]"$/.test(text))),
    ).toEqual([])
  })
})

/** The second argument of each `Status::Error(code, message)`, as it is written in C++. */
function nativeMessages(source: string): string[] {
  return [...source.matchAll(/Status::Error\([\w:]+,\s*/g)].map((match) => {
    const from = match.index + match[0].length
    let depth = 1
    let isQuoted = false
    for (let at = from; at < source.length; at += 1) {
      const character = source[at]
      if (isQuoted && character === '\\') at += 1
      else if (character === '"') isQuoted = !isQuoted
      else if (!isQuoted && character === '(') depth += 1
      else if (!isQuoted && character === ')') {
        depth -= 1
        if (depth === 0) return source.slice(from, at).trim()
      }
    }
    return source.slice(from)
  })
}
