/** docs/security.md: each test that a row names is there, and each attack of the table has a row. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hostileParts } from '../../bench/parts.ts'
import { readSource, root } from '../support/source-files.ts'

const page = readSource('docs/security.md')
const rows = page.split('\n').filter((line) => line.startsWith('|'))
const named = [...new Set([...page.matchAll(/`((?:native\/)?test\/[^`]+)`/g)].map((match) => match[1]!))]

describe('the table of threats', () => {
  it('names tests', () => {
    expect(named.length).toBeGreaterThan(0)
  })

  it.each(named)('%s exists', (path) => {
    expect(existsSync(join(root, path))).toBe(true)
  })

  it.each(hostileParts)('has a row for the attack %s', (name) => {
    expect(rows.filter((row) => row.includes(`\`${name}\``))).toHaveLength(1)
  })
})
