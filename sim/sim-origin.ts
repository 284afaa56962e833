/** The simulated origin: far away, one link for all, and sometimes not there. */
import type { FetchChunk } from '../node/core/events.ts'
import type { EventQueue } from './event-queue.ts'

export interface SimOriginOptions {
  readonly latencyMs: number
  readonly bandwidthBytesPerS: number
}

export const defaultSimOriginOptions: SimOriginOptions = { latencyMs: 60, bandwidthBytesPerS: 500_000_000 }

export class SimOrigin {
  available = true
  bytesServed = 0
  private readonly queue: EventQueue
  private readonly options: SimOriginOptions
  private freeAtMs = 0

  constructor(queue: EventQueue, options: SimOriginOptions) {
    this.queue = queue
    this.options = options
  }

  get(chunk: FetchChunk, end: (answer: { content: string } | 'unavailable') => void): void {
    if (!this.available) {
      this.queue.schedule(this.options.latencyMs, () => end('unavailable'))
      return
    }
    const sentAtMs =
      Math.max(this.queue.nowMs, this.freeAtMs) + (chunk.sizeBytes * 1_000) / this.options.bandwidthBytesPerS
    this.freeAtMs = sentAtMs
    this.bytesServed += chunk.sizeBytes
    this.queue.schedule(sentAtMs - this.queue.nowMs + this.options.latencyMs, () => end({ content: chunk.sha256 }))
  }
}
