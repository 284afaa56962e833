/** The table of attacks, each against two nodes with default options: what `holdfast bench hostile` measures is held here. */
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
    expect(result.servedUnder, result.worst).toBeGreaterThanOrEqual(goals.servedUnder)
    expect(result.rssGrowthMb).toBeLessThanOrEqual(hostile.rssBudgetMb)
    expect(result.recoveryS).toBeLessThanOrEqual(goals.recoveryS)
    expect(result.logLinesPerS).toBeLessThanOrEqual(goals.logLinesPerS)
  })
})
