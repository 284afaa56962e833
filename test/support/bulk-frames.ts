/**
 * The frames of a bulk connection, written a second time in JavaScript and over the TLS of Node, for tests that speak with the native engine
 * as a stranger, an older node or a broken one would. native/transfer/bulk_frame.h has their form.
 */
import { constants } from 'node:crypto'
import type { CommonConnectionOptions, SecureContextOptions, TLSSocket } from 'node:tls'
import { HoldfastError } from '../../common/index.ts'

export { frameKind } from '../../node/transfer/bulk/frame-kind.ts'

export const headerBytes = 9
/** Every frame but `data` is small. */
export const smallFrameBytesMax = 4096

export interface FrameHeader {
  readonly kind: number
  readonly id: number
  readonly lengthBytes: number
}

export interface FrameSink {
  /** Where the payload goes (exactly lengthBytes), or null to skip it. Throws to end the connection. */
  onHeader(header: FrameHeader): Uint8Array | null
  /** The payload is complete; null when it was skipped. Throws to end the connection. */
  onFrame(header: FrameHeader, payload: Uint8Array | null): void
}

export class FrameReader {
  private readonly sink: FrameSink
  private readonly headerBuffer = Buffer.alloc(headerBytes)
  private headerFilledBytes = 0
  private frame: { header: FrameHeader; target: Uint8Array | null; filledBytes: number } | null = null

  constructor(sink: FrameSink) {
    this.sink = sink
  }

  push(bytes: Uint8Array): void {
    let offset = 0
    while (offset < bytes.byteLength) {
      offset += this.frame === null ? this.fillHeader(bytes, offset) : this.fillPayload(this.frame, bytes, offset)
      if (this.frame !== null && this.frame.filledBytes === this.frame.header.lengthBytes) {
        const { header, target } = this.frame
        this.frame = null
        this.sink.onFrame(header, target)
      }
    }
  }

  /** Skips the rest of this frame: nobody waits for it. */
  skip(id: number): void {
    if (this.frame?.header.id === id) this.frame.target = null
  }

  private fillHeader(bytes: Uint8Array, offset: number): number {
    const taken = Math.min(headerBytes - this.headerFilledBytes, bytes.byteLength - offset)
    this.headerBuffer.set(bytes.subarray(offset, offset + taken), this.headerFilledBytes)
    this.headerFilledBytes += taken
    if (this.headerFilledBytes === headerBytes) {
      this.headerFilledBytes = 0
      const header: FrameHeader = {
        kind: this.headerBuffer.readUInt8(0),
        id: this.headerBuffer.readUInt32BE(1),
        lengthBytes: this.headerBuffer.readUInt32BE(5),
      }
      this.frame = { header, target: this.sink.onHeader(header), filledBytes: 0 }
    }
    return taken
  }

  private fillPayload(frame: NonNullable<FrameReader['frame']>, bytes: Uint8Array, offset: number): number {
    const taken = Math.min(frame.header.lengthBytes - frame.filledBytes, bytes.byteLength - offset)
    frame.target?.set(bytes.subarray(offset, offset + taken), frame.filledBytes)
    frame.filledBytes += taken
    return taken
  }
}

export function encodeHeader(header: FrameHeader): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes)
  bytes.writeUInt8(header.kind, 0)
  bytes.writeUInt32BE(header.id, 1)
  bytes.writeUInt32BE(header.lengthBytes, 5)
  return bytes
}

/** A whole small frame. */
export function encodeFrame(kind: number, id: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([encodeHeader({ kind, id, lengthBytes: payload.byteLength }), payload])
}

/** A buffer for a small frame's payload; PEER_PROTOCOL when it announces more than any of them has. */
export function smallTarget(header: FrameHeader): Uint8Array {
  if (header.lengthBytes > smallFrameBytesMax) {
    throw new HoldfastError('PEER_PROTOCOL', `A frame of kind ${header.kind} announces ${header.lengthBytes} bytes.`)
  }
  return Buffer.alloc(header.lengthBytes)
}

/** TLS as both sides of a bulk connection use it, by Node: what the native engine has to understand. */
export const bulkTlsOptions: SecureContextOptions & CommonConnectionOptions = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
  secureOptions: constants.SSL_OP_NO_TICKET,
  ALPNProtocols: ['holdfast-bulk/1'],
  rejectUnauthorized: false,
}

/** What only the two ends of the connection know. */
export function exporterOf(socket: TLSSocket): Buffer {
  return socket.exportKeyingMaterial(32, 'EXPORTER-holdfast-bulk-1', Buffer.alloc(0))
}
