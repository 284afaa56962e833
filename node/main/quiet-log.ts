/**
 * A log in which nothing that happens over and over drowns the rest: of lines of one kind, which is their level and message, so many are
 * written in a while, and one that says how many more there were. What varies belongs into the data of a line, not into its message.
 * Lines for debugging are not limited: their reader has asked for all of them.
 */
import type { Clock } from '../../common/index.ts'
import type { Log } from '../system/index.ts'

export interface QuietLogOptions {
  /** Lines of one kind in a window; 0: no limit. */
  readonly linesMax: number
  readonly windowMs: number
}

/** Kinds counted at one time; messages with something variable in them share what is left over. */
const kindsMax = 1_024
const otherKinds = 'other kinds of lines'

interface Kind {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  lines: number
}

export class QuietLog implements Log {
  private readonly log: Log
  private readonly clock: Clock
  private readonly options: QuietLogOptions
  private readonly kinds = new Map<string, Kind>()
  private forget: (() => void) | null = null

  constructor(log: Log, clock: Clock, options: QuietLogOptions) {
    this.log = log
    this.clock = clock
    this.options = options
  }

  debug(data: object, message: string): void {
    this.log.debug(data, message)
  }

  info(data: object, message: string): void {
    if (this.isAllowed('info', message)) this.log.info(data, message)
  }

  warn(data: object, message: string): void {
    if (this.isAllowed('warn', message)) this.log.warn(data, message)
  }

  error(data: object, message: string): void {
    if (this.isAllowed('error', message)) this.log.error(data, message)
  }

  /** Says what was left out so far. */
  flush(): void {
    this.forget?.()
    this.forget = null
    const kinds = [...this.kinds.values()]
    this.kinds.clear()
    for (const { level, message, lines } of kinds) {
      const omitted = lines - this.options.linesMax
      if (omitted > 0) this.log[level]({ omitted, windowMs: this.options.windowMs }, `${message} (more of the same)`)
    }
  }

  private isAllowed(level: Kind['level'], message: string): boolean {
    if (this.options.linesMax === 0) return true
    const kind = this.kindOf(level, message)
    kind.lines += 1
    this.forget ??= this.clock.after(this.options.windowMs, () => this.flush())
    return kind.lines <= this.options.linesMax
  }

  private kindOf(level: Kind['level'], message: string): Kind {
    const key = `${level} ${message}`
    const known = this.kinds.get(key)
    if (known !== undefined) return known
    if (this.kinds.size >= kindsMax && message !== otherKinds) return this.kindOf(level, otherKinds)
    const kind: Kind = { level, message, lines: 0 }
    this.kinds.set(key, kind)
    return kind
  }
}
