/** Names and manifests that nobody had a moment ago, or that could not be used: the next who asks is told so without another look. */

import type { Failure } from '../failure.ts'
import { isAnswer } from './origin-answer.ts'

export interface MissingOptions {
  /** A name or manifest that nobody had less than this ago is not looked for again. */
  readonly missingMs: number
  /** So many are remembered; the oldest goes for a new one. */
  readonly missingMax: number
}

interface Miss {
  readonly atMs: number
  readonly failure: Failure
}

export class Missing {
  private readonly options: MissingOptions
  /** The oldest first. */
  private readonly misses = new Map<string, Miss>()

  constructor(options: MissingOptions) {
    this.options = options
  }

  /** A source that did not answer may have it, so that nothing is noted. */
  note(what: string, failure: Failure, nowMs: number): void {
    if (!isAnswer(failure)) return
    this.misses.delete(what)
    this.misses.set(what, { atMs: nowMs, failure })
    if (this.misses.size > this.options.missingMax) this.misses.delete(this.misses.keys().next().value!)
  }

  /** The answer of the last search; null when a new search is due. */
  failureOf(what: string, nowMs: number): Failure | null {
    const miss = this.misses.get(what)
    if (miss === undefined) return null
    if (nowMs - miss.atMs < this.options.missingMs) return miss.failure
    this.misses.delete(what)
    return null
  }

  /** Somebody has it now. */
  forget(what: string): void {
    this.misses.delete(what)
  }
}
