/**
 * The chunks that no node near this one has, in an order on which all nodes agree without a word. Of them only the first few, the window,
 * are asked for at one time, so that each comes whole as soon as its source can send it.
 */
import type { ChunkState } from './chunk-state.ts'

export class FreshChunks {
  private order: ChunkState[]
  private readonly all: readonly ChunkState[]
  private isWhole = true

  constructor(chunks: readonly ChunkState[]) {
    this.all = chunks.toSorted((a, b) => a.chunkHash - b.chunkHash || (a.chunk.sha256 < b.chunk.sha256 ? -1 : 1))
    this.order = [...this.all]
  }

  /** The set of fresh chunks changed for another reason than arrived chunks. */
  restart(): void {
    if (!this.isWhole) this.order = [...this.all]
    this.isWhole = true
  }

  /** Those that came meanwhile are passed once. @param look false: enough. */
  visit(isFresh: (state: ChunkState) => boolean, look: (state: ChunkState) => boolean): void {
    let [at, kept] = [0, 0]
    for (let goesOn = true; goesOn && at < this.order.length; at += 1) {
      const state = this.order[at]!
      if (!isFresh(state)) continue
      this.order[kept] = state
      kept += 1
      goesOn = look(state)
    }
    if (kept === at) return
    this.order.splice(kept, at - kept)
    this.isWhole = false
  }
}
