/** What a fetch knows of one of its chunks. */
import type { FetchChunk } from '../events.ts'
import type { SourceKey } from './source-stats.ts'

export interface ChunkState {
  readonly chunk: FetchChunk
  readonly chunkHash: number
  /** Among the chunks of its fetch. */
  readonly place: number
  done: boolean
  /** Start of each flight, by source. */
  readonly flights: Map<SourceKey, number>
  /** Sources that do not have it, or not the right bytes. */
  readonly barred: Set<SourceKey>
  /** Times that a node which is fetching the model itself did not have it yet, and until when to wait before asking again. */
  notYetCount: number
  askAgainAtMs: number
  /** Wrong bytes from the origin. */
  originMismatches: number
  /** Other nodes that fetch the model and have it, in this zone and in others; and how many have asked for it (swarm.ts). */
  heldNear: number
  heldFar: number
  askedCount: number
  /** Since when it is due and left to another node to ask for, and how it stood with that; null when it is not. */
  left: { readonly how: string; readonly sinceMs: number } | null
}
