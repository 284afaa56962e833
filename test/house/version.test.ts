/** One version number: the one of package.json. */
import { describe, expect, it } from 'vitest'
import { createProgram } from '../../cli/program.ts'
import { version as said } from '../../node/system/index.ts'
import { readSource } from '../support/source-files.ts'

const { version } = JSON.parse(readSource('package.json')) as { version: string }

describe('the version of package.json', () => {
  it('is what `holdfast --version` and /v2 say', async () => {
    expect([(await createProgram('--version')).version(), said]).toEqual([version, version])
  })

  it('is the version of the Python module, of which its wheel takes it', () => {
    expect(/^__version__ = "(.+)"$/m.exec(readSource('clients/python/holdfast/__init__.py'))?.[1]).toBe(version)
    expect(readSource('clients/python/pyproject.toml')).toContain('dynamic = ["version"]')
  })

  it('is where the native part takes its version from', () => {
    expect(readSource('native/CMakeLists.txt')).toContain('file(STRINGS ../package.json version_line')
    expect(readSource('package.json')).toMatch(/^ {2}"version": "\d+\.\d+\.\d+",$/m)
  })

  it('is that of the description of the HTTP interface', () => {
    expect(/^ {2}version: (.+)$/m.exec(readSource('docs/reference/openapi.yaml'))?.[1]).toBe(version)
  })

  it('has a section in the changelog', () => {
    expect(readSource('CHANGELOG.md')).toMatch(new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\]`, 'm'))
  })
})
