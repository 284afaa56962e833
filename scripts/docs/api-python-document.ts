// docs/reference/api-python.md, by a program of Python's own parser. It takes a python3 of 3.9 or later.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export function pythonApiDocument(): string {
  return execFileSync('python3', [join(import.meta.dirname, 'api_python.py')], { encoding: 'utf8' })
}
