/** The table of errors and its documentation say the same, and every code is used somewhere. */
import { describe, expect, it } from 'vitest'
import { errorTable } from '../../common/errors.ts'
import { readSource, sourceFiles } from '../support/source-files.ts'

const documented = [...readSource('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (.*?) \| (.*?) \|$/gm)]

describe('docs/errors.md', () => {
  it('has one row per code, in the order of the table, with the same status, meaning and action', () => {
    const rows = documented.map(([, code, status, meaning, action]) => ({
      code,
      status: Number(status),
      meaning,
      action,
    }))
    expect(rows).toEqual(Object.entries(errorTable).map(([code, row]) => ({ code, ...row })))
  })
})

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
