/** Results on stdout: a table for people at a terminal; in a pipe one line per row, cells apart by tabs, no head. */
import { formatTable } from '../common/index.ts'
import { paint } from '../node/system/index.ts'

export type Cell = string | number | null

export function printRows(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const isTerminal = process.stdout.isTTY === true
  const [first, ...rest] = linesOf(head, rows, isTerminal)
  if (first === undefined) return
  const hasHead = isTerminal && head.some((title) => title !== '')
  for (const line of [hasHead ? paint(first, 'bold', process.stdout) : first, ...rest]) console.log(line)
}

/** What was found is shown, what there is none of is said: to people on stderr, so that a pipe gets nothing. */
export function printNothing(text: string): void {
  if (process.stdout.isTTY === true) console.log(text)
  else console.error(text)
}

let printedJson = false

/** With --json, stdout is one value: this one. */
export function printJson(value: unknown): void {
  printedJson = true
  console.log(JSON.stringify(value))
}

export function hasPrintedJson(): boolean {
  return printedJson
}

/** On stderr, for people. */
export function printWarning(text: string): void {
  process.stderr.write(`${paint('warning:', 'yellow', process.stderr)} ${text.replace(/\p{C}/gu, '?')}\n`)
}

export function linesOf(head: readonly string[], rows: readonly (readonly Cell[])[], isTerminal: boolean): string[] {
  const texts = rows.map((row) => row.map(textOf))
  if (!isTerminal) return texts.map((row) => row.join('\t'))
  const lines = formatTable(head, texts).split('\n')
  return head.every((title) => title === '') ? lines.slice(1) : lines
}

/** Names come from other machines: no control character of them reaches the terminal. */
function textOf(cell: Cell): string {
  return cell === null || cell === '' ? '-' : String(cell).replace(/\p{C}/gu, '?')
}

/** A digest or node id that people can tell apart. */
export function shortId(id: string): string {
  return id.startsWith('12D3Koo') ? `…${id.slice(-8)}` : id.slice(0, 12)
}

/** '12 ms', '3.4 s'. JSON has no Infinity: null is one. */
export function formatMs(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return '∞'
  if (ms < 10) return `${Number(ms.toPrecision(2))} ms`
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toPrecision(3))} s`
}
