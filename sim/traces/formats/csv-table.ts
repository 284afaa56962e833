/** Rows of a CSV, plain or gzipped, by the names of its columns. */
import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { isHoldfastError } from '../../../common/index.ts'
import { badTrace, lineCharsMax, readContent } from './read-lines.ts'

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
  const records = recordsOf(file)
  const head = await records.next()
  if (head.done === true) throw badTrace(file, 'it has no header line.')
  const columns = head.value.cells
  return { columns, rows: rowsOf(file, columns.length, records) }
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

async function* rowsOf(file: string, count: number, records: AsyncGenerator<CsvRow>): AsyncGenerator<CsvRow> {
  for await (const row of records) {
    if (row.cells.length !== count) {
      throw badTrace(file, `line ${row.line} has ${row.cells.length} cells, the header ${count}.`)
    }
    yield row
  }
}

async function* recordsOf(file: string): AsyncGenerator<CsvRow> {
  const source = Readable.from(readContent(file))
  const parser = parse({
    bom: true,
    info: true,
    // The parser looks before it appends a character, so it lets one more pass than it is told.
    max_record_size: lineCharsMax - 1,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
  })
  source.on('error', (error) => parser.destroy(error))
  source.pipe(parser)
  try {
    for await (const { record, info } of parser) yield { line: info.lines, cells: record }
  } catch (cause) {
    if (isHoldfastError(cause)) throw cause
    const isTooLong = cause instanceof CsvError && cause.code === 'CSV_MAX_RECORD_SIZE'
    throw badTrace(file, isTooLong ? `a line is longer than ${lineCharsMax} characters.` : messageOf(cause), cause)
  } finally {
    source.destroy()
    parser.destroy()
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
