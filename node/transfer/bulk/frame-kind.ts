/** Kinds of the frames of a bulk connection; native/transfer/bulk_frame.h has their form. */
export const frameKind = {
  /** CBOR, both ways, first frame of each side. */
  proof: 0,
  /** CBOR ChunkRequest. */
  request: 1,
  /** No payload. The answer still comes, as failure if nothing was sent yet. */
  cancel: 2,
  /** The bytes of the chunk. The engine reads and writes them. */
  data: 3,
  /** No payload: the peer does not hold the chunk. */
  missing: 4,
  /** CBOR {code, message}. For id 0: the connection is refused. */
  failure: 5,
} as const
