/**
 * Progress of a long transfer on stderr: on a terminal one line that is redrawn, with rate and remaining time; in a pipe or
 * a log a plain line now and then. stdout stays free for the result.
 */
import type cliProgress from 'cli-progress'
import { formatBytes, formatSeconds } from '../../common/index.ts'

export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface ProgressOptions {
  /** 'push acme/resnet50:v3'. */
  readonly title: string
  readonly stream: ProgressStream
  /** Monotonic. */
  readonly nowMs: () => number
  /** How amounts are written when they are no bytes: what the state calls bytes then counts something else. */
  readonly format?: (amount: number) => string
}

export interface ProgressState {
  readonly doneBytes: number
  readonly totalBytes: number
  /** The file in work, such as 'model.safetensors'. */
  readonly note?: string
}

/** Redraws on a terminal: faster than anyone reads, too slow to cost anything. */
const redrawsPerS = 10
/** Between two lines in a pipe or log: a log of an hour's push stays below a few hundred lines. */
const lineMs = 10_000
const defaultColumns = 80
const barCells = 24
/** The rate is that of the last seconds, so that the remaining time follows a network that changes. */
const rateWindowMs = 10_000
/** Between two samples of the rate. */
const sampleMs = 100

/** The library of the bar is loaded for a terminal alone: commands in scripts start sooner without it. */
export async function startProgress(options: ProgressOptions): Promise<Progress> {
  const library = options.stream.isTTY === true ? (await import('cli-progress')).default : null
  return new Progress(options, library)
}

export class Progress {
  private readonly options: ProgressOptions
  private readonly bar: cliProgress.SingleBar | null
  private readonly samples: { atMs: number; doneBytes: number }[] = []
  private state: ProgressState = { doneBytes: 0, totalBytes: 0 }
  private isDrawn = false
  /** A log needs no line for what is over within the first period. */
  private loggedMs: number

  /** With the library a bar is drawn, without it a line is written now and then. */
  constructor(options: ProgressOptions, library: typeof cliProgress | null) {
    this.options = options
    this.loggedMs = options.nowMs()
    this.bar = library === null ? null : this.createBar(library)
  }

  update(state: ProgressState): void {
    this.state = state
    this.sample()
    if (this.bar === null) this.log()
    else this.draw(this.bar)
  }

  /** Removes the bar, so that what is printed next stands alone. */
  end(): void {
    if (this.isDrawn) this.bar?.stop()
    this.isDrawn = false
  }

  private createBar(library: typeof cliProgress): cliProgress.SingleBar {
    return new library.SingleBar({
      stream: this.options.stream,
      format: (options) => this.terminalLine(library.Format.BarFormat(this.share(), options)),
      barsize: barCells,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      fps: redrawsPerS,
      hideCursor: true,
      clearOnComplete: true,
    })
  }

  private draw(bar: cliProgress.SingleBar): void {
    if (this.isDrawn) bar.update(this.state.doneBytes)
    else bar.start(this.state.totalBytes, this.state.doneBytes)
    this.isDrawn = true
  }

  private log(): void {
    const nowMs = this.options.nowMs()
    if (nowMs - this.loggedMs < lineMs) return
    this.loggedMs = nowMs
    this.options.stream.write(`${this.options.title}: ${this.figures()}\n`)
  }

  private sample(): void {
    const atMs = this.options.nowMs()
    const last = this.samples.at(-1)
    if (last !== undefined && atMs - last.atMs < sampleMs) return
    this.samples.push({ atMs, doneBytes: this.state.doneBytes })
    while (this.samples.length > 2 && atMs - this.samples[1]!.atMs >= rateWindowMs) this.samples.shift()
  }

  private rateBytesPerS(): number {
    const first = this.samples[0]
    const last = this.samples.at(-1)
    if (!first || !last || last.atMs <= first.atMs) return 0
    return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs)
  }

  private share(): number {
    const { doneBytes, totalBytes } = this.state
    return totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 0
  }

  private terminalLine(bar: string): string {
    const { note } = this.state
    const line = `${this.options.title} ${bar} ${this.figures()}${note ? `  ${printable(note)}` : ''}`
    // A line that wraps cannot be redrawn.
    return line.slice(0, (this.options.stream.columns ?? defaultColumns) - 1)
  }

  private figures(): string {
    const { doneBytes, totalBytes } = this.state
    const rate = this.rateBytesPerS()
    const format = this.options.format ?? formatBytes
    const sizes = `${Math.floor(100 * this.share())}% of ${format(totalBytes)}`
    if (rate <= 0) return sizes
    return `${sizes}, ${format(rate)}/s, ${formatSeconds((totalBytes - doneBytes) / rate)} left`
  }
}

/** A file name comes from the author of the model: no control character of it reaches the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}
