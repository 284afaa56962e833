/**
 * The asking half of a connection. Several requests are under way at once; each ends exactly once: with its bytes in the sink, with a
 * miss, with the peer's error, or with that of the connection. A request that its caller gave up keeps its place until the peer has
 * answered it, so that the peer's limit is never exceeded by ours.
 */
import type { HoldfastError } from '../../../common/index.ts'
import type { ChunkRequest, ChunkSink } from '../../ports/index.ts'
import type { BulkConnection } from './connection.ts'
import { frameKind } from './frame-kind.ts'
import { decodeFailure, encodeChunkRequest } from './messages.ts'

interface Pending {
  readonly into: ChunkSink
  readonly outcome: PromiseWithResolvers<boolean>
  /** The caller no longer waits; its bytes are dropped. */
  isAbandoned: boolean
}

export class ChunkAsker {
  private readonly connection: BulkConnection
  private readonly requestsMax: number
  private readonly onChange: () => void
  private readonly pending = new Map<number, Pending>()
  private nextId = 1

  /** @param onChange called when a request was made or has ended. */
  constructor(connection: BulkConnection, requestsMax: number, onChange: () => void) {
    this.connection = connection
    this.requestsMax = requestsMax
    this.onChange = onChange
  }

  get inFlight(): number {
    return this.pending.size
  }

  get hasRoom(): boolean {
    return this.pending.size < this.requestsMax
  }

  /** True when the bytes have come. The caller has seen hasRoom. A signal that fires ends the wait with its reason. */
  async request(request: ChunkRequest, into: ChunkSink, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    const id = this.nextId
    this.nextId = id === 0xffff_ffff ? 1 : id + 1
    const outcome = Promise.withResolvers<boolean>()
    const pending: Pending = { into, outcome, isAbandoned: false }
    this.pending.set(id, pending)
    this.connection.expect(id, request.sizeBytes, into.places)
    this.connection.send(frameKind.request, id, encodeChunkRequest(request))
    this.onChange()
    const onAbort = () => {
      pending.isAbandoned = true
      this.connection.skip(id)
      this.connection.send(frameKind.cancel, id)
      outcome.reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await outcome.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** False when the frame answers nothing that was asked. Throws what cannot be read. */
  onAnswer(kind: number, id: number, payload: Uint8Array): boolean {
    const pending = this.pending.get(id)
    if (pending === undefined) return false
    if (kind === frameKind.missing) pending.outcome.resolve(false)
    else pending.outcome.reject(decodeFailure(payload))
    this.ended(id)
    return true
  }

  /** @param error why it could not be kept here. */
  onChunk(id: number, error: HoldfastError | null, bytes: Uint8Array | null): void {
    const pending = this.pending.get(id)
    if (pending === undefined) return
    if (!pending.isAbandoned) settle(pending, error, bytes)
    this.ended(id)
  }

  fail(error: HoldfastError): void {
    for (const { outcome } of this.pending.values()) outcome.reject(error)
    this.pending.clear()
  }

  private ended(id: number): void {
    this.pending.delete(id)
    this.onChange()
  }
}

function settle({ into, outcome }: Pending, error: HoldfastError | null, bytes: Uint8Array | null): void {
  if (error !== null) {
    into.refused?.(error)
    outcome.reject(error)
    return
  }
  try {
    if (bytes !== null) into.begin(bytes.byteLength).set(bytes)
    outcome.resolve(true)
  } catch (failure) {
    outcome.reject(failure)
  }
}
