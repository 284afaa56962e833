/** The demo's table: one line per request as it happens, in colour on a terminal, the same text without colour in a pipe. */
import type { WriteStream } from 'node:tty'
import { type Paint, paint } from '../node/system/index.ts'

export interface TableRow {
  readonly what: string
  readonly askedAt: string
  readonly servedAt: string
  readonly from: string
  readonly elapsedMs: number
  readonly result: string
}

const widths = { what: 26, askedAt: 9, servedAt: 10, from: 10, took: 11 }
const colours: Record<string, Paint> = {
  origin: 'red',
  peer: 'yellow',
  forwarded: 'magenta',
  disk: 'cyan',
  memory: 'green',
}

export class LiveTable {
  private readonly stream: Pick<WriteStream, 'write' | 'isTTY'>

  constructor(stream: Pick<WriteStream, 'write' | 'isTTY'>) {
    this.stream = stream
  }

  head(): void {
    const cells = [
      'REQUEST'.padEnd(widths.what),
      'ASKED AT'.padEnd(widths.askedAt),
      'SERVED BY'.padEnd(widths.servedAt),
    ]
    this.line(this.bold([...cells, 'FROM'.padEnd(widths.from), 'TOOK'.padStart(widths.took), ' RESULT'].join(' ')))
  }

  row(row: TableRow): void {
    const { what, askedAt, servedAt, from, elapsedMs, result } = row
    const took = `${elapsedMs < 10 ? elapsedMs.toFixed(1) : elapsedMs.toFixed(0)} ms`
    this.line(
      [
        what.padEnd(widths.what),
        askedAt.padEnd(widths.askedAt),
        servedAt.padEnd(widths.servedAt),
        this.coloured(from.padEnd(widths.from), colours[from]),
        took.padStart(widths.took),
        ` ${result}`,
      ].join(' '),
    )
  }

  note(text: string): void {
    this.line(this.coloured(text, 'dim'))
  }

  line(text: string): void {
    this.stream.write(`${text}\n`)
  }

  bold(text: string): string {
    return this.coloured(text, 'bold')
  }

  private coloured(text: string, style: Paint | undefined): string {
    return style === undefined ? text : paint(text, style, this.stream)
  }
}
