/** Every code of the table is used somewhere. test/docs holds the page of errors equal to the table. */
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
