/** The project's own files, as tests of form read them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '..', '..')

export function sourceFiles(folders: readonly string[], extension = '.ts'): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  )
}

export function readSource(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** What a file imports: paths relative to the root for its own, package or `node:` names for others. */
export function importsOf(path: string): string[] {
  return statementsOf(path).map(({ target }) => target)
}

/** What importing the file runs: its imports without those of types alone, and without those that wait for a call. */
export function valueImportsOf(path: string): string[] {
  return statementsOf(path)
    .filter(({ names }) => names !== null && !isTypesAlone(names))
    .map(({ target }) => target)
}

interface Statement {
  readonly names: string | null
  readonly target: string
}

/** Tests of form ask for the same file hundreds of times. */
const statements = new Map<string, readonly Statement[]>()

/** `names` is what stands between `import` and `from`: empty for the effect alone, null where `import()` is called. */
function statementsOf(path: string): readonly Statement[] {
  const known = statements.get(path)
  if (known !== undefined) return known
  const statement = /^\s*(?:import|export)\s([^'"]*?)from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm
  const found = [...readSource(path).matchAll(statement)].map(([, names, from, effect, called]) => {
    const name = from ?? effect ?? called!
    return {
      names: called === undefined ? (names ?? '') : null,
      target: name.startsWith('.') ? relative(root, resolve(root, path, '..', name)) : name,
    }
  })
  statements.set(path, found)
  return found
}

function isTypesAlone(names: string): boolean {
  const text = names.trim()
  const list = /^\{(.*)\}$/s
    .exec(text)?.[1]
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  return text.startsWith('type ') || (list?.every((name) => name.startsWith('type ')) ?? false)
}
