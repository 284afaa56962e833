/** The decision records have one form, numbers without a gap, and a line each in the index. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSource, root } from '../support/source-files.ts'

const records = readdirSync(join(root, 'docs', 'decisions'))
  .filter((name) => name !== 'README.md')
  .sort()

describe('the decision records', () => {
  it('are numbered from 001, without a gap', () => {
    const numbers = records.map((name) => Number(/^(\d{3})-[a-z0-9-]+\.md$/.exec(name)?.[1]))
    expect(numbers).toEqual(records.map((_, index) => index + 1))
  })

  it.each(records)('%s says context, decision, alternatives and consequences', (name) => {
    const text = readSource(`docs/decisions/${name}`)
    const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1])
    expect(headings).toEqual(['Context', 'Decision', 'Alternatives', 'Consequences'])
    const title = /^# (\d{3}\. .+)$/m.exec(text)?.[1]
    expect(title?.slice(0, 3)).toBe(name.slice(0, 3))
    expect(readSource('docs/decisions/README.md')).toContain(`[${title?.replace('.', '')}](${name})`)
  })
})
