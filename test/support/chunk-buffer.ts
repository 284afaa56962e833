/** A sink that keeps its chunk in memory and verifies nothing; and a fetch that gives the bytes, for tests that compare them. */
import type { NodeId } from '../../common/types.ts'
import type { AbortOptions, BulkPeer, BulkTransport, ChunkRequest, ChunkSink } from '../../node/ports/index.ts'

export class ChunkBuffer implements ChunkSink {
  begun = 0
  isWhole = false
  bytes: Uint8Array = new Uint8Array(0)

  begin(sizeBytes: number): Uint8Array {
    this.begun += 1
    this.bytes = new Uint8Array(sizeBytes)
    return this.bytes
  }

  async end(): Promise<void> {
    this.isWhole = true
  }
}

export function peerOf({ node, bulk }: { readonly node: NodeId; readonly bulk: BulkTransport }): BulkPeer {
  return { node, address: bulk.address() }
}

/** Null when the peer does not hold the chunk. */
export async function fetchBytes(
  bulk: BulkTransport,
  peer: BulkPeer,
  request: ChunkRequest,
  options?: AbortOptions,
): Promise<Uint8Array | null> {
  const into = new ChunkBuffer()
  return (await bulk.fetch(peer, request, into, options)) ? into.bytes : null
}
