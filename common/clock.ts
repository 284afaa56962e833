/**
 * Time as everything is given it that waits or measures; the system's own is in node/system.
 *
 * Suite: test/conformance/clock.suite.ts
 */
export interface Clock {
  /** Monotonic milliseconds; the zero means nothing. */
  nowMs(): number
  /** Milliseconds since 1970, for people and for epochs that must rise over restarts. */
  wallMs(): number
  /** Calls `action` every `periodMs` until the returned function is called. Never keeps the process alive. */
  every(periodMs: number, action: () => void): () => void
  /** Calls `action` once after `delayMs`, a month at most, unless the returned function was called before. Never keeps the process alive. */
  after(delayMs: number, action: () => void): () => void
}
