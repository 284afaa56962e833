/** How many models are converted at one time, and in how much memory: the rest wait, first come first served. */
import { orAborted } from './abort.ts'

export interface ConversionLimits {
  readonly conversionsMax: number
  /** Of all conversions together; one that would take more runs alone. */
  readonly conversionBytesMax: number
}

interface Waiting {
  readonly bytes: number
  readonly begin: () => void
}

export class ConversionLimit {
  readonly #limits: ConversionLimits
  #waiting: Waiting[] = []
  #running = 0
  #bytes = 0

  constructor(limits: ConversionLimits) {
    this.#limits = limits
  }

  /** @param bytes what the work is expected to take. Rejects with the reason of the signal when it fires before the work began. */
  async run<T>(bytes: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>()
    const waiting = { bytes, begin: turn.resolve }
    this.#waiting.push(waiting)
    this.#advance()
    try {
      await orAborted(turn.promise, signal)
    } catch (error) {
      if (this.#waiting.includes(waiting)) this.#waiting = this.#waiting.filter((other) => other !== waiting)
      else this.#end(bytes)
      this.#advance()
      throw error
    }
    try {
      return await work()
    } finally {
      this.#end(bytes)
    }
  }

  #end(bytes: number): void {
    this.#running--
    this.#bytes -= bytes
    this.#advance()
  }

  #advance(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoomFor(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#running++
      this.#bytes += next.bytes
      next.begin()
    }
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#running === 0) return true
    return this.#running < this.#limits.conversionsMax && this.#bytes + bytes <= this.#limits.conversionBytesMax
  }
}
