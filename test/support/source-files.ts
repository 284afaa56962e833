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
  const text = readSource(path)
  const specifiers = [
    ...text.matchAll(/^\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm),
  ]
  return specifiers
    .map((match) => match[1] ?? match[2] ?? match[3]!)
    .map((name) => (name.startsWith('.') ? relative(root, resolve(root, path, '..', name)) : name))
}
