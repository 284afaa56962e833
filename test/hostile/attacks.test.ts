/**
 * The table of attacks, each against two nodes with default options. How much honest users notice is a figure of `holdfast bench hostile`,
 * which depends on what else the machine does. Held here: nothing wrong is answered, most of them go on being served, memory stays within
 * its budget, and the log stays readable.
 */
import { describe, expect, it } from 'vitest'
import { hostileCases } from '../../bench/hostile/catalog.ts'
import { goals, runCase, shortTimes } from '../../bench/hostile/run-case.ts'
import { hostileParts } from '../../bench/parts.ts'
import { readSource } from '../support/source-files.ts'

/** What docs/security.md names as not held yet. */
const openSection = /^## Not held yet$([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(readSource('docs/security.md'))?.[1] ?? ''
const heldCases = hostileCases.filter(({ name }) => !openSection.includes(`\`${name}\``))

it('the names of the table are those that --only takes', () => {
  expect(hostileCases.map(({ name }) => name)).toEqual([...hostileParts])
})

describe.each(heldCases)('a $who that $does', (hostile) => {
  it(`leaves honest users served (${hostile.name})`, async () => {
    const result = await runCase(hostile, shortTimes)
    console.log(`${hostile.name}: ${JSON.stringify(result)}`)
    expect(result.wrongAnswers).toBe(0)
    // Attacks that work leave nothing, or a third.
    expect(result.servedUnder, result.worst).toBeGreaterThan(0.5)
    expect(result.rssGrowthMb).toBeLessThanOrEqual(hostile.rssBudgetMb)
    expect(result.logLinesPerS).toBeLessThanOrEqual(goals.logLinesPerS)
  })
})
