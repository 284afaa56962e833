/** The figures of a run as tables for other programs: comma-separated, a head, numbers as they are. */
import type { RunResult } from '../index.ts'

type Cell = string | number | boolean

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
      ...Object.fromEntries(Object.entries(loadDelay).map(([name, value]) => [`loadDelay.${name}`, value as number])),
    })),
  )
}

/** The columns are the keys of the first row. */
export function csvOf(rows: readonly Readonly<Record<string, Cell>>[]): string {
  const columns = Object.keys(rows[0] ?? {})
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))]
  return lines.map((cells) => `${cells.map(escapeCell).join(',')}\n`).join('')
}

/** A text that a spreadsheet would run as a formula is kept a text. */
function escapeCell(cell: Cell): string {
  if (typeof cell !== 'string') return String(cell)
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
