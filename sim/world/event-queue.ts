/**
 * The virtual clock: actions at times, in order of time, and of scheduling where times are equal. Nothing here knows what the
 * actions do.
 *
 * A heap of four children per node over typed arrays: a run of a million requests passes several million actions through it, and
 * two numbers that lie next to each other are compared faster than two objects.
 */
import { assertInvariant } from '../../common/index.ts'

const capacityMin = 1_024

export class EventQueue {
  private times = new Float64Array(capacityMin)
  private sequences = new Float64Array(capacityMin)
  /** Where in `actions` the action of this place of the heap is. */
  private slots = new Uint32Array(capacityMin)
  private readonly actions: ((() => void) | null)[] = []
  private readonly freeSlots: number[] = []
  private count = 0
  private sequence = 0
  private clockMs = 0

  get nowMs(): number {
    return this.clockMs
  }

  /** Actions run since the start. */
  get ranCount(): number {
    return this.sequence - this.count
  }

  get length(): number {
    return this.count
  }

  schedule(delayMs: number, run: () => void): void {
    assertInvariant(delayMs >= 0, `nothing can be scheduled ${delayMs} ms from now`)
    if (this.count === this.times.length) this.grow()
    const slot = this.freeSlots.pop() ?? this.actions.length
    this.actions[slot] = run
    this.sequence += 1
    this.count += 1
    this.rise(this.count - 1, this.clockMs + delayMs, this.sequence, slot)
  }

  /** Infinity when nothing is scheduled. */
  get nextAtMs(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.times[0]!
  }

  /** Runs everything up to and with this time; the clock stands there afterwards. */
  runUntil(endMs: number): void {
    while (this.nextAtMs <= endMs) this.runNext()
    this.clockMs = Math.max(this.clockMs, endMs)
  }

  /** Only the next one: what follows from it may take turns of the event loop, as in a daemon. */
  runNext(): void {
    this.clockMs = this.times[0]!
    const slot = this.slots[0]!
    const run = this.actions[slot]!
    this.actions[slot] = null
    this.freeSlots.push(slot)
    this.removeFirst()
    run()
  }

  private removeFirst(): void {
    this.count -= 1
    const last = this.count
    if (last > 0) this.sink(this.times[last]!, this.sequences[last]!, this.slots[last]!)
  }

  /** Puts the item at the place or above it. Sequences rise, so that a new item stands behind all of its time. */
  private rise(from: number, timeMs: number, sequence: number, slot: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >>> 2
      if (this.times[parent]! <= timeMs) break
      this.move(parent, at)
      at = parent
    }
    this.put(at, timeMs, sequence, slot)
  }

  /** Puts the item at the top or below it. */
  private sink(timeMs: number, sequence: number, slot: number): void {
    const { times, sequences, count } = this
    let at = 0
    for (let first = 1; first < count; first = 4 * at + 1) {
      let least = first
      const end = Math.min(first + 4, count)
      for (let child = first + 1; child < end; child += 1) {
        const [childMs, leastMs] = [times[child]!, times[least]!]
        if (childMs < leastMs || (childMs === leastMs && sequences[child]! < sequences[least]!)) least = child
      }
      const leastMs = times[least]!
      if (leastMs > timeMs || (leastMs === timeMs && sequences[least]! > sequence)) break
      this.move(least, at)
      at = least
    }
    this.put(at, timeMs, sequence, slot)
  }

  private move(from: number, to: number): void {
    this.put(to, this.times[from]!, this.sequences[from]!, this.slots[from]!)
  }

  private put(at: number, timeMs: number, sequence: number, slot: number): void {
    this.times[at] = timeMs
    this.sequences[at] = sequence
    this.slots[at] = slot
  }

  private grow(): void {
    const capacity = 2 * this.times.length
    const [times, sequences] = [new Float64Array(capacity), new Float64Array(capacity)]
    const slots = new Uint32Array(capacity)
    times.set(this.times)
    sequences.set(this.sequences)
    slots.set(this.slots)
    Object.assign(this, { times, sequences, slots })
  }
}
