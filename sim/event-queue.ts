/**
 * The virtual clock: actions at times, in order of time, and of scheduling where times are equal. A binary heap; nothing here
 * knows what the actions do.
 */
import { assertInvariant } from '../placement/errors.ts'

interface Scheduled {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
}

export class EventQueue {
  private readonly heap: Scheduled[] = []
  private sequence = 0
  private clockMs = 0

  get nowMs(): number {
    return this.clockMs
  }

  get length(): number {
    return this.heap.length
  }

  schedule(delayMs: number, run: () => void): void {
    assertInvariant(delayMs >= 0, `nothing can be scheduled ${delayMs} ms from now`)
    this.sequence += 1
    this.heap.push({ atMs: this.clockMs + delayMs, sequence: this.sequence, run })
    this.rise(this.heap.length - 1)
  }

  /** Runs everything up to and with this time; the clock stands there afterwards. */
  runUntil(endMs: number): void {
    for (let first = this.heap[0]; first !== undefined && first.atMs <= endMs; first = this.heap[0]) {
      this.removeFirst()
      this.clockMs = first.atMs
      first.run()
    }
    this.clockMs = Math.max(this.clockMs, endMs)
  }

  private removeFirst(): void {
    const last = this.heap.pop()!
    if (this.heap.length === 0) return
    this.heap[0] = last
    this.sink(0)
  }

  private rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >>> 1
      if (!isBefore(this.heap[at]!, this.heap[parent]!)) return
      this.swap(at, parent)
      at = parent
    }
  }

  private sink(from: number): void {
    for (let at = from; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && isBefore(this.heap[child]!, this.heap[least]!)) least = child
      }
      if (least === at) return
      this.swap(at, least)
      at = least
    }
  }

  private swap(a: number, b: number): void {
    const held = this.heap[a]!
    this.heap[a] = this.heap[b]!
    this.heap[b] = held
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
