/** The figures of a run as tables for other programs: comma-separated, a head, numbers as they are. */
import { stringify } from 'csv-stringify/sync'
import type { RunResult } from '../index.ts'

/** null and NaN are an empty field. */
type Cell = string | number | boolean | null

export function timelineCsv({ timeline }: Pick<RunResult, 'timeline'>): string {
  return csvOf(timeline.map((bucket) => ({ ...bucket })))
}

export function nodesCsv({ nodes }: Pick<RunResult, 'nodes'>): string {
  return csvOf(nodes.map((node) => ({ ...node })))
}

export function decilesCsv({ totals }: Pick<RunResult, 'totals'>): string {
  return csvOf(
    totals.loadDelayByDecile.map(({ requestCount, memoryHitPercent, loadDelay }, index) => ({
      decile: index + 1,
      requestCount,
      memoryHitPercent,
      ...Object.fromEntries(
        Object.entries(loadDelay).map(([name, value]) => [`loadDelay.${name}`, value as number | null]),
      ),
    })),
  )
}

/** The columns are the keys of the first row. A text that a spreadsheet would run as a formula is kept a text. */
export function csvOf(rows: readonly Readonly<Record<string, Cell>>[]): string {
  return stringify([...rows], {
    header: true,
    columns: Object.keys(rows[0] ?? {}),
    escape_formulas: true,
    cast: { boolean: String, number: (value) => (Number.isFinite(value) ? String(value) : '') },
  })
}
