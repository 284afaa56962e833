/** Connections of the native engine as objects: each has an owner that hears what happens on it. */
import { type BlobId, HoldfastError, type NodeId } from '../../../common/index.ts'
import {
  type BulkEngine,
  type BulkEngineEvents,
  type BulkEngineOptions,
  createBulkEngine,
  type FillPlace,
  type Store,
} from '../../../native/index.ts'

export interface ConnectionOwner {
  onSecure(exporter: Uint8Array): void
  onFrame(kind: number, id: number, payload: Uint8Array): void
  onSent(request: number, isWhole: boolean): void
  onChunk(request: number, error: HoldfastError | null, bytes: Uint8Array | null): void
  onBroken(error: HoldfastError): void
  /** Null: closed from here. */
  onClosed(error: HoldfastError | null): void
}

const nothing = new Uint8Array(0)

export class BulkConnection {
  owner: ConnectionOwner | null = null
  private readonly engine: BulkEngine
  private readonly number: number

  constructor(engine: BulkEngine, number: number) {
    this.engine = engine
    this.number = number
  }

  /** Bytes of chunks, both ways. */
  get movedBytes(): number {
    return this.engine.movedBytes(this.number)
  }

  admit(peer: NodeId): void {
    this.engine.admit(this.number, peer)
  }

  send(kind: number, id: number, payload: Uint8Array = nothing): void {
    this.engine.send(this.number, kind, id, payload)
  }

  sendBytes(request: number, bytes: Uint8Array): void {
    this.engine.sendBytes(this.number, request, bytes)
  }

  /** False when the store does not hold the range. */
  sendStored(request: number, blob: BlobId, offsetBytes: number, sizeBytes: number): Promise<boolean> {
    return this.engine.sendStored(this.number, request, blob, offsetBytes, sizeBytes)
  }

  expect(request: number, sizeBytes: number, places: readonly FillPlace[] | undefined): void {
    if (places === undefined) this.engine.expectBytes(this.number, request, sizeBytes)
    else this.engine.expectInFills(this.number, request, sizeBytes, places)
  }

  skip(request: number): void {
    this.engine.skip(this.number, request)
  }

  withdraw(request: number): void {
    this.engine.withdraw(this.number, request)
  }

  end(): void {
    this.engine.end(this.number)
  }

  close(): void {
    this.engine.close(this.number)
  }
}

/** All connections of one engine. */
export class BulkConnections {
  readonly engine: BulkEngine
  private readonly connections = new Map<number, BulkConnection>()

  /** @param onAccepted gives the connection its owner. */
  constructor(
    options: BulkEngineOptions,
    store: Store | null,
    onAccepted: (connection: BulkConnection, remote: string) => void,
  ) {
    const events: BulkEngineEvents = {
      onAccepted: (number, remote) => onAccepted(this.add(number), remote),
      onSecure: (number, exporter) => this.ownerOf(number)?.onSecure(exporter),
      onFrame: (number, kind, id, payload) => this.ownerOf(number)?.onFrame(kind, id, payload),
      onSent: (number, request, isWhole) => this.ownerOf(number)?.onSent(request, isWhole),
      onChunk: (number, request, error, bytes) => this.ownerOf(number)?.onChunk(request, error, bytes),
      onBroken: (number, error) => this.ownerOf(number)?.onBroken(error),
      onClosed: (number, error) => {
        const owner = this.ownerOf(number)
        this.connections.delete(number)
        owner?.onClosed(error)
      },
    }
    this.engine = createBulkEngine(options, store, events)
  }

  /** To a numeric address. */
  connect(address: string, port: number): BulkConnection {
    return this.add(this.engine.connect(address, port))
  }

  private add(number: number): BulkConnection {
    const connection = new BulkConnection(this.engine, number)
    this.connections.set(number, connection)
    return connection
  }

  private ownerOf(number: number): ConnectionOwner | null {
    return this.connections.get(number)?.owner ?? null
  }
}

export function unreachable(node: NodeId, remote: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('PEER_UNREACHABLE', `${node} at ${remote} ${what}.`, { details: { node }, cause })
}

export function broken(node: NodeId, remote: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError('PEER_PROTOCOL', `${node} at ${remote} ${what}.`, { details: { node }, cause })
}
