/** Types of the native bulk engine: what it offers, and what it tells. */
import type { BlobId, HoldfastError } from '../common/index.ts'
import type { Fill } from './types.ts'

export interface BulkEngineOptions {
  /** PEM; proves nothing to anybody. */
  readonly certificate: string
  readonly privateKey: string
  /** 0: one per processor, at least 2 and at most 8. */
  readonly threadCount: number
  /** Added to the niceness of the process, for the threads of the engine alone. */
  readonly nice: number
  /** Connections of others; what is more waits in the queue of the kernel. */
  readonly inboundConnectionsMax: number
  /** Limits of this node and of each peer; 0: none. */
  readonly outBytesPerS: number
  readonly inBytesPerS: number
  readonly peerOutBytesPerS: number
  readonly peerInBytesPerS: number
}

export interface FillPlace {
  readonly fill: Fill
  readonly index: number
  /** Of the chunk in its blob. */
  readonly offsetBytes: number
}

/** A connection hears in this order: onAccepted, when it comes from outside; onSecure; the others in any order; onClosed, once. */
export interface BulkEngineEvents {
  onAccepted(connection: number, remote: string): void
  /** @param exporter 32 bytes that only the two ends of this connection know. */
  onSecure(connection: number, exporter: Uint8Array): void
  onFrame(connection: number, kind: number, id: number, payload: Uint8Array): void
  /** An answer with bytes has left; or it was withdrawn before its first byte. */
  onSent(connection: number, request: number, isWhole: boolean): void
  /** What was expected has come. `bytes` of expectBytes; null of expectInFills, and of what was skipped. */
  onChunk(connection: number, request: number, error: HoldfastError | null, bytes: Uint8Array | null): void
  /** The other side broke the protocol; the rest of what it sends is dropped until the connection is closed. */
  onBroken(connection: number, error: HoldfastError): void
  /** Null: closed from here. */
  onClosed(connection: number, error: HoldfastError | null): void
}

/** Calls for a connection that has closed do nothing. */
export interface BulkEngine {
  /** A numeric address; port 0 takes a free one. The port. BAD_CONFIG. */
  listen(address: string, port: number): number
  connect(address: string, port: number): number
  /** The other side has proved that it is `peer`: chunks may come. */
  admit(connection: number, peer: string): void
  send(connection: number, kind: number, id: number, payload: Uint8Array): void
  sendBytes(connection: number, request: number, bytes: Uint8Array): void
  /** False when the store does not hold the range: nothing is sent then. */
  sendStored(
    connection: number,
    request: number,
    blob: BlobId,
    offsetBytes: number,
    sizeBytes: number,
  ): Promise<boolean>
  expectBytes(connection: number, request: number, sizeBytes: number): void
  /** Verified against the chunk of the first place, and kept in all. */
  expectInFills(connection: number, request: number, sizeBytes: number, places: readonly FillPlace[]): void
  skip(connection: number, request: number): void
  withdraw(connection: number, request: number): void
  /** Drops what comes, sends what waits, says goodbye. */
  end(connection: number): void
  close(connection: number): void
  /** Bytes of chunks, both ways. */
  movedBytes(connection: number): number
  stop(): Promise<void>
}

export interface RawBulkEngine extends Omit<BulkEngine, 'expectInFills'> {
  expectInFills(connection: number, request: number, sizeBytes: number, places: readonly (object | number)[]): void
}

/** Kind, connection, and what the kind has; see native/addon/bulk_wrap.cc. */
export type RawBulkEvent =
  | ['accepted', number, string]
  | ['secure', number, Uint8Array]
  | ['frame', number, number, number, Uint8Array]
  | ['sent', number, number, boolean]
  | ['chunk', number, number, string | null, string, Uint8Array | null]
  | ['broken', number, string | null, string]
  | ['closed', number, string | null, string]
