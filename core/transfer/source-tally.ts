/** What one source has done for one fetch. */
import type { ChunkFailure, ChunkReason } from '../events.ts'
import type { FetchSource, SourceName, SourceState } from './fetch-views.ts'

export class SourceTally {
  readonly name: SourceName
  state: SourceState = 'used'
  bytes = 0
  chunks = 0
  repeatedBytes = 0
  private open = 0
  private busyMs = 0
  private busySinceMs = 0
  private readonly failures: Partial<Record<ChunkFailure, number>> = {}
  private readonly asked: Partial<Record<ChunkReason, number>> = {}

  constructor(name: SourceName) {
    this.name = name
  }

  ask(why: ChunkReason, nowMs: number): void {
    this.asked[why] = (this.asked[why] ?? 0) + 1
    if (this.open === 0) this.busySinceMs = nowMs
    this.open += 1
  }

  /** An open one came, failed, or is waited for no more. */
  close(nowMs: number): void {
    this.open -= 1
    if (this.open === 0) this.busyMs += nowMs - this.busySinceMs
  }

  brought(sizeBytes: number, isRepeated: boolean): void {
    if (isRepeated) this.repeatedBytes += sizeBytes
    else {
      this.bytes += sizeBytes
      this.chunks += 1
    }
  }

  failed(failure: ChunkFailure): void {
    this.failures[failure] = (this.failures[failure] ?? 0) + 1
  }

  view(nowMs: number): FetchSource {
    const { name, state, bytes, chunks, repeatedBytes, open } = this
    const busyMs = this.busyMs + (open > 0 ? nowMs - this.busySinceMs : 0)
    const came = bytes + repeatedBytes
    const bytesPerS = came === 0 ? null : Math.round((came * 1_000) / Math.max(1, busyMs))
    const counts = { failures: { ...this.failures }, asked: { ...this.asked } }
    return { ...name, state, bytes, chunks, repeatedBytes, bytesPerS, open, ...counts }
  }
}
