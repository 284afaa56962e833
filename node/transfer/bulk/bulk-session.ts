/**
 * The answering end of one bulk connection. Nothing is read but a proof until it has been checked; then requests are served,
 * several at once, and their answers leave one after the other, in pieces, as fast as the peer takes them.
 */
import type { TLSSocket } from 'node:tls'
import { type Clock, HoldfastError, isHoldfastError, type NodeId } from '../../../common/index.ts'
import type { ChunkRequest, ServeChunk } from '../../ports/index.ts'
import type { Log } from '../../system/index.ts'
import { encodeFrame, encodeHeader, type FrameHeader, FrameReader, frameKind, smallTarget } from './frames.ts'
import { decodeChunkRequest, encodeFailure } from './messages.ts'
import type { BulkOptions } from './options.ts'
import type { Prover } from './proof.ts'
import { SilenceTimer } from './silence-timer.ts'
import { writeDrained } from './tls.ts'

export interface BulkSessionPorts {
  readonly prover: Prover
  readonly clock: Clock
  readonly isBanned: (node: NodeId) => boolean
  readonly serve: ServeChunk
  readonly log: Log
  /** Takes one of the places of all sessions together; false when there is none. */
  readonly enter: () => boolean
  readonly leave: () => void
  readonly onRefused: (remote: string, reason: string) => void
}

export class BulkSession {
  /** Known when it has proved itself. */
  node: NodeId | null = null
  private readonly socket: TLSSocket
  private readonly remote: string
  private readonly ports: BulkSessionPorts
  private readonly options: BulkOptions
  private readonly silence: SilenceTimer
  /** Requests whose answer has not left completely; the value says whether it was cancelled. */
  private readonly requests = new Map<number, { isCancelled: boolean }>()
  private writing: Promise<void> = Promise.resolve()
  private refusing = false

  constructor(socket: TLSSocket, ports: BulkSessionPorts, options: BulkOptions) {
    this.socket = socket
    this.remote = `${socket.remoteAddress}:${socket.remotePort}`
    this.ports = ports
    this.options = options
    this.silence = new SilenceTimer(ports.clock, () => this.onSilent())
    const reader = new FrameReader({
      onHeader: (header) => (this.refusing ? null : smallTarget(header)),
      onFrame: (header, payload) => this.onFrame(header, payload),
    })
    socket.setNoDelay(true)
    this.silence.allow(options.handshakeTimeoutMs)
    socket.on('close', () => this.silence.stop())
    // 'close' follows and does the rest.
    socket.on('error', (error) => this.ports.log.debug({ err: error, remote: this.remote }, 'a bulk connection broke'))
    socket.on('data', (bytes: Buffer) => {
      this.silence.moved()
      try {
        reader.push(bytes)
      } catch (error) {
        this.refuse(error)
      }
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  private onSilent(): void {
    if (this.node === null) this.ports.onRefused(this.remote, 'no proof in time on a bulk connection')
    this.socket.destroy()
  }

  private onFrame(header: FrameHeader, payload: Uint8Array | null): void {
    if (this.refusing || payload === null) return
    if (this.node === null) this.onProof(header, payload)
    else if (header.kind === frameKind.request) this.onRequest(header.id, decodeChunkRequest(payload))
    else if (header.kind === frameKind.cancel) this.onCancel(header.id)
    else throw new HoldfastError('PEER_PROTOCOL', `A frame of the unknown kind ${header.kind} was sent.`)
  }

  /** Too late for an answer that is leaving: its frame has to be complete. */
  private onCancel(id: number): void {
    const request = this.requests.get(id)
    if (request !== undefined) request.isCancelled = true
  }

  private onProof(header: FrameHeader, payload: Uint8Array): void {
    if (header.kind !== frameKind.proof) throw new HoldfastError('PEER_PROTOCOL', 'A request was sent before a proof.')
    const node = this.ports.prover.check('client', this.socket, payload)
    if (this.ports.isBanned(node)) throw new HoldfastError('PEER_BANNED', 'This node refuses connections of yours.')
    this.node = node
    this.silence.allow(this.options.inboundIdleMs)
    this.socket.write(encodeFrame(frameKind.proof, 0, this.ports.prover.prove('server', this.socket)))
  }

  private onRequest(id: number, request: ChunkRequest): void {
    if (id === 0 || this.requests.has(id))
      throw new HoldfastError('PEER_PROTOCOL', `Request ${id} is under way already.`)
    // A peer that asks on without reading answers would fill our memory with refusals.
    if (this.requests.size >= 4 * this.options.servedPerConnectionMax) {
      throw new HoldfastError('OVERLOADED', `${this.requests.size} requests are under way on one connection.`)
    }
    const mayServe = this.requests.size < this.options.servedPerConnectionMax && this.ports.enter()
    const state = { isCancelled: false }
    this.requests.set(id, state)
    const answered = mayServe ? this.answer(id, request, state) : this.enqueue(() => this.sendFailure(id, overloaded()))
    answered
      .catch((error: unknown) => {
        this.ports.log.debug({ err: error, remote: this.remote }, 'an answer could not be sent')
        this.socket.destroy()
      })
      .finally(() => {
        if (mayServe) this.ports.leave()
        this.requests.delete(id)
      })
  }

  private async answer(id: number, request: ChunkRequest, state: { isCancelled: boolean }): Promise<void> {
    let bytes: Uint8Array | null
    try {
      bytes = await this.serve(request)
    } catch (error) {
      if (!isHoldfastError(error)) this.ports.log.warn({ err: error, node: this.node }, 'a chunk could not be served')
      return await this.enqueue(() => this.sendFailure(id, error))
    }
    await this.enqueue(async () => {
      if (state.isCancelled)
        await this.sendFailure(id, new HoldfastError('DEADLINE_EXCEEDED', 'The request was cancelled.'))
      else if (bytes === null) await this.write(encodeFrame(frameKind.missing, id))
      else await this.sendData(id, bytes)
    })
  }

  private async serve(request: ChunkRequest): Promise<Uint8Array | null> {
    if (request.sizeBytes > this.options.chunkBytesMax) {
      throw new HoldfastError('REQUEST_TOO_LARGE', `A chunk may have ${this.options.chunkBytesMax} bytes on this node.`)
    }
    if (request.context.deadlineMs <= 0)
      throw new HoldfastError('DEADLINE_EXCEEDED', 'The deadline has passed already.')
    const bytes = await this.ports.serve(this.node as NodeId, request)
    if (bytes !== null && bytes.byteLength !== request.sizeBytes) {
      throw new Error(`${bytes.byteLength} bytes were served in place of ${request.sizeBytes}`)
    }
    return bytes
  }

  /** Answers leave one after the other: a frame is never cut by another. */
  private enqueue(send: () => Promise<void>): Promise<void> {
    const sent = this.writing.then(send)
    this.writing = sent.catch(() => {})
    return sent
  }

  private async write(bytes: Uint8Array): Promise<void> {
    await writeDrained(this.socket, bytes)
    this.silence.moved()
  }

  private async sendData(id: number, bytes: Uint8Array): Promise<void> {
    await this.write(encodeHeader({ kind: frameKind.data, id, lengthBytes: bytes.byteLength }))
    for (let offset = 0; offset < bytes.byteLength; offset += this.options.writeBytes) {
      await this.write(bytes.subarray(offset, offset + this.options.writeBytes))
    }
  }

  private async sendFailure(id: number, error: unknown): Promise<void> {
    await this.write(encodeFrame(frameKind.failure, id, encodeFailure(error)))
  }

  /** Tells the peer why, then closes; whatever it sends meanwhile is skipped. */
  private refuse(error: unknown): void {
    if (this.refusing) return
    this.refusing = true
    const reason = isHoldfastError(error, 'WRONG_CLUSTER_KEY') ? `wrong cluster key: ${error.message}` : String(error)
    this.ports.onRefused(this.remote, reason)
    this.silence.allow(this.options.handshakeTimeoutMs)
    this.socket.end(encodeFrame(frameKind.failure, 0, encodeFailure(error)))
  }
}

function overloaded(): HoldfastError {
  return new HoldfastError('OVERLOADED', 'The node serves as many chunks as it may; ask another one.')
}
