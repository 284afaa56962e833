/** Where the log goes: lines of JSON for programs, or lines of words for people at a terminal. */
import { writeSync } from 'node:fs'
import { LossyWriter } from './lossy-writer.ts'

export type LogFormat = 'auto' | 'json' | 'text'

const stderr = 2
/** A longer value is cut: a line is for reading. The JSON has all of it. */
const valueLengthMax = 200
const levelWords: Record<string, string> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info ',
  warn: 'WARN ',
  error: 'ERROR',
  fatal: 'FATAL',
}

export function isTextFormat(format: LogFormat, isTerminal: boolean): boolean {
  return format === 'text' || (format === 'auto' && isTerminal)
}

/** For pino: a stream that gets one line of JSON at a time. */
export function logStream(format: LogFormat): { write(line: string): void } {
  const isText = isTextFormat(format, process.stderr.isTTY === true)
  const asWritten = (line: string) => (isText ? `${textLine(line)}\n` : line)
  const writer = new LossyWriter({
    writeSome: (bytes) => writeSync(stderr, bytes),
    lossLine: (count) => asWritten(`${JSON.stringify(lossOf(count))}\n`),
  })
  return { write: (line) => writer.write(asWritten(line)) }
}

const lossOf = (lines: number) => ({
  level: 'warn',
  time: new Date().toISOString(),
  lines,
  msg: 'lines of the log were lost: stderr took none',
})

/** '2026-11-29T23:10:46.123Z info  node is up: node=... http=...' */
export function textLine(line: string): string {
  const { level, time, msg, name, ...facts } = JSON.parse(line) as Record<string, unknown>
  const words = Object.entries(facts).flatMap(([key, value]) => {
    const text = valueText(value)
    return text === null ? [] : [`${key}=${text}`]
  })
  const head = `${time} ${levelWords[String(level)] ?? level}${name === undefined ? '' : ` ${name}`} ${msg}`
  return words.length === 0 ? head : `${head}: ${words.join(' ')}`
}

/** Null for what says nothing. Of an error its message; its stack is in the JSON. */
function valueText(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null
  const message = (value as { message?: unknown }).message
  const text = typeof value !== 'object' ? String(value) : typeof message === 'string' ? message : JSON.stringify(value)
  // What peers send must not move the cursor of a terminal.
  const plain = text.replaceAll(/\p{C}+/gu, ' ')
  const short = plain.length > valueLengthMax ? `${plain.slice(0, valueLengthMax)}...` : plain
  return /\s/.test(short) ? JSON.stringify(short) : short
}
