/**
 * The asking end of one bulk connection: proves itself, checks who answers, then has several requests under way at once.
 *
 * Every request ends exactly once: with its bytes in the sink, with a miss, with the peer's error, or with that of the connection. A request that
 * its caller gave up keeps its place until the peer has answered it, so that the peer's limit is never exceeded by ours.
 */
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type Clock, HoldfastError, isHoldfastError, type NodeId } from '../../../common/index.ts'
import type { ChunkRequest, ChunkSink } from '../../ports/index.ts'
import { encodeFrame, type FrameHeader, FrameReader, frameKind, smallTarget } from './frames.ts'
import { decodeFailure, encodeChunkRequest } from './messages.ts'
import type { BulkOptions } from './options.ts'
import type { Prover } from './proof.ts'
import { SilenceTimer } from './silence-timer.ts'
import { tlsOptions } from './tls.ts'

export interface BulkTarget {
  readonly node: NodeId
  readonly host: string
  readonly port: number
}

/** Four TLS records, which have at most 16 KiB each. */
const readBytes = 64 * 1024

interface Pending {
  readonly sizeBytes: number
  readonly into: Pick<ChunkSink, 'begin'>
  readonly outcome: PromiseWithResolvers<boolean>
  /** The caller no longer waits; its bytes are skipped. */
  isAbandoned: boolean
}

export class BulkClient {
  /** Called when a request has ended and room is free, and when the connection has closed. */
  onChange: () => void = () => {}
  private readonly socket: TLSSocket
  private readonly reader: FrameReader
  private readonly target: BulkTarget
  private readonly prover: Prover
  private readonly options: BulkOptions
  private readonly silence: SilenceTimer
  private readonly ready = Promise.withResolvers<void>()
  private readonly pending = new Map<number, Pending>()
  private isReady = false
  private error: HoldfastError | null = null
  private nextId = 1

  /** Resolves when both sides have proved themselves. PEER_UNREACHABLE, WRONG_CLUSTER_KEY, PEER_PROTOCOL. */
  static async connect(target: BulkTarget, prover: Prover, clock: Clock, options: BulkOptions): Promise<BulkClient> {
    const client = new BulkClient(target, prover, clock, options)
    await client.ready.promise
    return client
  }

  private constructor(target: BulkTarget, prover: Prover, clock: Clock, options: BulkOptions) {
    this.target = target
    this.prover = prover
    this.options = options
    this.silence = new SilenceTimer(clock, () => this.onSilent())
    this.reader = new FrameReader({
      onHeader: (header) => this.onHeader(header),
      onFrame: (header, payload) => this.onFrame(header, payload),
    })
    const connectOptions = {
      ...tlsOptions,
      host: target.host,
      port: target.port,
      // One buffer for all reads: a new one per TLS record costs half as much again in CPU, most of it garbage collection.
      onread: {
        buffer: Buffer.allocUnsafeSlow(readBytes),
        callback: (lengthBytes: number, buffer: Uint8Array) => this.onRead(buffer.subarray(0, lengthBytes)),
      },
    }
    const socket = connectTls(connectOptions)
    this.socket = socket
    socket.setNoDelay(true)
    const late = () => this.fail('did not finish the handshake in time')
    const forget = clock.after(options.handshakeTimeoutMs, late)
    socket.once('secureConnect', () => socket.write(encodeFrame(frameKind.proof, 0, prover.prove('client', socket))))
    socket.on('error', (cause) => this.fail(`does not answer: ${cause.message}`, cause))
    socket.on('close', () => {
      forget()
      this.silence.stop()
      this.fail('closed the connection')
    })
    // Settled either way before the socket closes; also when nobody waits for it any more.
    this.ready.promise.then(forget, forget)
  }

  get isOpen(): boolean {
    return this.isReady && this.error === null
  }

  get inFlight(): number {
    return this.pending.size
  }

  get hasRoom(): boolean {
    return this.isOpen && this.pending.size < this.options.requestsPerConnectionMax
  }

  /** True when the sink's memory is full. The caller has seen hasRoom. A signal that fires ends the wait with its reason. */
  async request(request: ChunkRequest, into: Pick<ChunkSink, 'begin'>, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    const id = this.nextId
    this.nextId = id === 0xffff_ffff ? 1 : id + 1
    const outcome = Promise.withResolvers<boolean>()
    const pending: Pending = { sizeBytes: request.sizeBytes, into, outcome, isAbandoned: false }
    this.pending.set(id, pending)
    this.silence.allow(this.options.stallTimeoutMs)
    this.socket.write(encodeFrame(frameKind.request, id, encodeChunkRequest(request)))
    const onAbort = () => {
      pending.isAbandoned = true
      this.reader.skip(id)
      this.socket.write(encodeFrame(frameKind.cancel, id))
      outcome.reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await outcome.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  destroy(error: HoldfastError): void {
    if (this.error !== null) return
    this.error = error
    this.socket.destroy()
    this.ready.reject(error)
    for (const pending of this.pending.values()) pending.outcome.reject(error)
    this.pending.clear()
    this.onChange()
  }

  private fail(what: string, cause?: unknown): void {
    const { node, host, port } = this.target
    const message = `${node} at ${host}:${port} ${what}.`
    this.destroy(new HoldfastError('PEER_UNREACHABLE', message, { details: { node }, cause }))
  }

  /** Never throws into the socket; true: go on reading. */
  private onRead(bytes: Uint8Array): boolean {
    this.silence.moved()
    try {
      this.reader.push(bytes)
    } catch (error) {
      this.destroy(asHoldfastError(error, this.target))
    }
    return this.error === null
  }

  private onSilent(): void {
    this.fail(this.pending.size > 0 ? `sent nothing for ${this.options.stallTimeoutMs} ms` : 'was idle')
  }

  private onHeader(header: FrameHeader): Uint8Array | null {
    if (header.kind !== frameKind.data) return smallTarget(header)
    const pending = this.pending.get(header.id)
    if (pending === undefined || pending.sizeBytes !== header.lengthBytes) {
      throw this.broken(`sent ${header.lengthBytes} bytes that nobody asked for`)
    }
    return pending.isAbandoned ? null : pending.into.begin(header.lengthBytes)
  }

  private onFrame(header: FrameHeader, payload: Uint8Array | null): void {
    if (header.kind === frameKind.failure && header.id === 0) throw decodeFailure(payload ?? new Uint8Array(0))
    if (this.isReady) this.onAnswer(header, payload)
    else this.onProof(header, payload)
  }

  private onAnswer(header: FrameHeader, payload: Uint8Array | null): void {
    const pending = this.pending.get(header.id)
    if (pending === undefined) throw this.broken('answered a request that was not made')
    switch (header.kind) {
      case frameKind.data:
        pending.outcome.resolve(true)
        break
      case frameKind.missing:
        pending.outcome.resolve(false)
        break
      case frameKind.failure:
        pending.outcome.reject(decodeFailure(payload ?? new Uint8Array(0)))
        break
      default:
        throw this.broken(`sent a frame of the unknown kind ${header.kind}`)
    }
    this.pending.delete(header.id)
    if (this.pending.size === 0) this.silence.allow(this.options.idleMs)
    this.onChange()
  }

  private onProof(header: FrameHeader, payload: Uint8Array | null): void {
    if (header.kind !== frameKind.proof || payload === null) throw this.broken('spoke before it had proved itself')
    const node = this.prover.check('server', this.socket, payload)
    if (node !== this.target.node) throw this.broken(`is ${node}`)
    this.isReady = true
    this.silence.allow(this.options.idleMs)
    this.ready.resolve()
  }

  private broken(what: string): HoldfastError {
    const { node, host, port } = this.target
    return new HoldfastError('PEER_PROTOCOL', `${node} at ${host}:${port} ${what}.`, { details: { node } })
  }
}

function asHoldfastError(error: unknown, target: BulkTarget): HoldfastError {
  if (isHoldfastError(error)) return error
  return new HoldfastError('PEER_PROTOCOL', `${target.node} sent something that cannot be read.`, { cause: error })
}
