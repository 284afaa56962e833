/** Rows of a CSV by the names of its columns. The public traces quote nothing, and a quote is refused rather than misread. */
import { badTrace, readLines } from './read-lines.ts'

export interface CsvRow {
  /** Line of the file, from 1: the header. */
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvTable {
  readonly columns: readonly string[]
  readonly rows: AsyncGenerator<CsvRow>
}

export async function openCsv(file: string): Promise<CsvTable> {
  const lines = readLines(file)
  const head = await lines.next()
  if (head.done === true || head.value.trim() === '') throw badTrace(file, 'it has no header line.')
  const columns = cellsOf(file, 1, head.value)
  return { columns, rows: rowsOf(file, columns.length, lines) }
}

/** Place of a column that must be there. */
export function columnAt(file: string, columns: readonly string[], name: string): number {
  const place = columns.indexOf(name)
  if (place < 0) throw badTrace(file, `it has no column ${name}; it has ${columns.slice(0, 12).join(', ')}.`)
  return place
}

/** A finite number that is not negative. */
export function numberAt(file: string, { line, cells }: CsvRow, place: number, what: string): number {
  const text = cells[place]!
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw badTrace(
      file,
      `line ${line}: ${what} is ${JSON.stringify(text.slice(0, 40))}; it has to be a number from 0 up.`,
    )
  }
  return value
}

async function* rowsOf(file: string, count: number, lines: AsyncGenerator<string>): AsyncGenerator<CsvRow> {
  let line = 1
  for await (const text of lines) {
    line += 1
    if (text === '') continue
    const cells = cellsOf(file, line, text)
    if (cells.length !== count) throw badTrace(file, `line ${line} has ${cells.length} cells, the header ${count}.`)
    yield { line, cells }
  }
}

function cellsOf(file: string, line: number, text: string): string[] {
  if (text.includes('"')) throw badTrace(file, `line ${line} has a quote; cells of a trace are plain.`)
  return text.split(',')
}
