/** The requests of the last minutes and the last errors, as a status tells them: bounded, whatever comes. */
import type { ErrorCode } from '../../common/index.ts'
import type { TimedRequest } from './request-timing.ts'

export interface RequestRates {
  /** What the figures are of, in seconds. */
  readonly windowS: number
  readonly count: number
  readonly ratePerS: number
  /** Of the requests that were answered, those whose model was in memory here; null without any. */
  readonly hitRatio: number | null
  readonly errorRatio: number | null
  /** Null without any answer. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null
}

export interface LastError {
  readonly code: ErrorCode
  readonly count: number
  /** Of the last one. */
  readonly message: string
  /** In milliseconds since 1970. */
  readonly lastAtMs: number
}

export interface RecentRequestOptions {
  readonly windowMs: number
  /** Older ones are forgotten first; the figures are of fewer then. */
  readonly requestsMax: number
  /** Codes of errors that are kept, those that came last. */
  readonly errorsMax: number
}

export const defaultRecentRequestOptions: RecentRequestOptions = {
  windowMs: 300_000,
  requestsMax: 4_096,
  errorsMax: 16,
}

interface Row {
  readonly atMs: number
  readonly elapsedMs: number
  readonly servedFrom: string | null
}

export class RecentRequests {
  private readonly options: RecentRequestOptions
  private readonly startedMs: number
  private readonly errors = new Map<ErrorCode, LastError>()
  private rows: Row[] = []

  constructor(nowMs: number, options: Partial<RecentRequestOptions> = {}) {
    this.startedMs = nowMs
    this.options = { ...defaultRecentRequestOptions, ...options }
  }

  note({ elapsedMs, servedFrom, error, isOwn }: TimedRequest, at: { nowMs: number; wallMs: number }): void {
    if (error !== null) this.noteError(error.code, error.message, at.wallMs)
    // A forwarded one is counted where it arrived.
    if (!isOwn) return
    this.rows.push({ atMs: at.nowMs, elapsedMs, servedFrom })
    if (this.rows.length >= 2 * this.options.requestsMax) this.rows = this.rows.slice(-this.options.requestsMax)
  }

  noteError(code: ErrorCode, message: string, wallMs: number): void {
    const count = (this.errors.get(code)?.count ?? 0) + 1
    this.errors.delete(code)
    this.errors.set(code, { code, count, message, lastAtMs: wallMs })
    const oldest = this.errors.keys().next().value
    if (this.errors.size > this.options.errorsMax && oldest !== undefined) this.errors.delete(oldest)
  }

  /** The last one first. */
  lastErrors(): LastError[] {
    return [...this.errors.values()].reverse()
  }

  rates(nowMs: number): RequestRates {
    const { windowMs, requestsMax } = this.options
    const kept = this.rows.filter(({ atMs }) => nowMs - atMs <= windowMs).slice(-requestsMax)
    // Where more came than are kept, the first that is kept bounds the time.
    const isCut = kept.length === requestsMax
    const spanMs = isCut ? nowMs - kept[0]!.atMs : Math.min(windowMs, nowMs - this.startedMs)
    const windowS = Math.max(1, spanMs / 1000)
    const answered = kept.filter(({ servedFrom }) => servedFrom !== null)
    const hits = answered.filter(({ servedFrom }) => servedFrom === 'memory').length
    return {
      windowS,
      count: kept.length,
      ratePerS: kept.length / windowS,
      hitRatio: answered.length === 0 ? null : hits / answered.length,
      errorRatio: kept.length === 0 ? null : 1 - answered.length / kept.length,
      latencyMs: quantiles(answered.map(({ elapsedMs }) => elapsedMs)),
    }
  }
}

/** The least value that so many are not above. */
function quantiles(values: readonly number[]): RequestRates['latencyMs'] {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
