/** Attacks on running nodes from outside, one after the other: what honest users see meanwhile, and what it costs the node. */
import { hostileCases } from './hostile/catalog.ts'
import { type CaseResult, fullTimes, goals, runCase, shortTimes } from './hostile/run-case.ts'
import type { HostileCase } from './hostile/types.ts'
import type { Bench, BenchRow } from './types.ts'

export const hostileBench: Bench = async ({ tiny, only, say }) => {
  const rows: BenchRow[] = []
  for (const hostile of hostileCases) {
    if (only !== undefined && !only.includes(hostile.name)) continue
    say(`${hostile.name}: ${hostile.who} ${hostile.does}`)
    const result = await runCase(hostile, tiny ? shortTimes : fullTimes)
    say(`  worst served: ${result.worst}`)
    const found = rowsOf(hostile, result)
    for (const { id, value, note } of found) say(`  ${id} ${value.toFixed(2)} (${note})`)
    rows.push(...found)
  }
  return rows
}

function rowsOf({ name, rssBudgetMb }: HostileCase, result: CaseResult): BenchRow[] {
  const row = (id: string, value: number, unit: string, note: string): BenchRow => ({
    id: `${id}/${name}`,
    value,
    unit,
    n: result.asked,
    note,
  })
  return [
    row('served_under', result.servedUnder, 'ratio', `goal ${goals.servedUnder}`),
    row('rss_growth_mb', result.rssGrowthMb, 'MB', `budget ${rssBudgetMb}`),
    row('recovery_s', result.recoveryS, 's', `goal ${goals.recoveryS}`),
    row('log_lines_per_s', result.logLinesPerS, 'lines/s', `goal ${goals.logLinesPerS}`),
    row('wrong_answers', result.wrongAnswers, 'answers', 'goal 0'),
  ]
}
