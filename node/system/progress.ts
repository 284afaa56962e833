/**
 * Progress of a long transfer on stderr: on a terminal one line that is redrawn, with rate and remaining time; in a pipe or
 * a log a plain line now and then. stdout stays free for the result.
 */
import { formatBytes, formatSeconds } from '../../common/index.ts'

export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressOptions {
  /** 'push acme/resnet50:v3'. */
  readonly title: string
  readonly stream: ProgressStream
  /** Monotonic. */
  readonly nowMs: () => number
  /** Between two drawings on a terminal: faster than anyone reads, too slow to cost anything. */
  readonly redrawMs?: number
  /** Between two lines elsewhere: a log of an hour's push stays below a few hundred lines. */
  readonly lineMs?: number
  /** How amounts are written when they are no bytes: what the state calls bytes then counts something else. */
  readonly format?: (amount: number) => string
}

export interface ProgressState {
  readonly doneBytes: number
  readonly totalBytes: number
  /** What is in work, 'model.safetensors' say. */
  readonly note?: string
}

const defaultRedrawMs = 100
const defaultLineMs = 10_000
const defaultColumns = 80
const barCells = 24
/** The rate is that of the last seconds, so that the remaining time follows a network that changes. */
const rateWindowMs = 10_000

export class Progress {
  private readonly options: ProgressOptions
  private readonly isTerminal: boolean
  private readonly periodMs: number
  private readonly samples: { atMs: number; doneBytes: number }[] = []
  private drawnMs: number

  constructor(options: ProgressOptions) {
    this.options = options
    this.isTerminal = options.stream.isTTY === true
    this.periodMs = this.isTerminal ? (options.redrawMs ?? defaultRedrawMs) : (options.lineMs ?? defaultLineMs)
    // A terminal shows life at once; a log needs no line for what is over within the first period.
    this.drawnMs = this.isTerminal ? -Infinity : options.nowMs()
  }

  update(state: ProgressState): void {
    const nowMs = this.options.nowMs()
    if (nowMs - this.drawnMs < this.periodMs) return
    this.drawnMs = nowMs
    this.sample(nowMs, state.doneBytes)
    this.options.stream.write(this.isTerminal ? `\r\x1b[2K${this.terminalLine(state)}` : `${this.plainLine(state)}\n`)
  }

  /** Removes the bar, so that what is printed next stands alone. */
  end(): void {
    if (this.isTerminal && this.drawnMs !== -Infinity) this.options.stream.write('\r\x1b[2K')
  }

  private sample(atMs: number, doneBytes: number): void {
    this.samples.push({ atMs, doneBytes })
    while (this.samples.length > 2 && atMs - this.samples[1]!.atMs >= rateWindowMs) this.samples.shift()
  }

  private rateBytesPerS(): number {
    const first = this.samples[0]
    const last = this.samples.at(-1)
    if (!first || !last || last.atMs <= first.atMs) return 0
    return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs)
  }

  private terminalLine(state: ProgressState): string {
    const done = state.totalBytes > 0 ? Math.min(1, state.doneBytes / state.totalBytes) : 0
    const full = Math.round(done * barCells)
    const bar = `${'█'.repeat(full)}${'░'.repeat(barCells - full)}`
    const line = `${this.options.title} ${bar} ${this.figures(state)}${state.note ? `  ${printable(state.note)}` : ''}`
    // A line that wraps cannot be redrawn.
    return line.slice(0, (this.options.stream.columns ?? defaultColumns) - 1)
  }

  private plainLine(state: ProgressState): string {
    return `${this.options.title}: ${this.figures(state)}`
  }

  private figures(state: ProgressState): string {
    const percent = state.totalBytes > 0 ? Math.floor((100 * state.doneBytes) / state.totalBytes) : 0
    const rate = this.rateBytesPerS()
    const format = this.options.format ?? formatBytes
    const sizes = `${percent}% of ${format(state.totalBytes)}`
    if (rate <= 0) return sizes
    return `${sizes}, ${format(rate)}/s, ${formatSeconds((state.totalBytes - state.doneBytes) / rate)} left`
  }
}

/** A file name comes from whoever made the model: no control character of it reaches the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}
