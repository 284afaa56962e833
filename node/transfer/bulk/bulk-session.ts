/**
 * One connection between two nodes: proves itself, checks who is at the other end, then asks and answers. Nothing is taken but a proof
 * before it has been checked.
 *
 * Either end may ask, whichever opened the connection, when the other end has said in its proof that it answers: a node that nobody can
 * reach is asked over the connections that it opened itself.
 */
import { type Clock, HoldfastError, isHoldfastError, type NodeId } from '../../../common/index.ts'
import { type AnswerPorts, ChunkAnswerer } from './chunk-answerer.ts'
import { ChunkAsker } from './chunk-asker.ts'
import { type BulkConnection, broken, type ConnectionOwner, unreachable } from './connection.ts'
import { frameKind } from './frame-kind.ts'
import { decodeChunkRequest, decodeFailure, encodeFailure } from './messages.ts'
import type { BulkOptions } from './options.ts'
import type { Prover } from './proof.ts'
import { SilenceTimer } from './silence-timer.ts'

export interface BulkSessionPorts extends AnswerPorts {
  readonly prover: Prover
  readonly clock: Clock
  readonly isBanned: (node: NodeId) => boolean
  readonly onRefused: (remote: string, reason: string) => void
}

export class BulkSession implements ConnectionOwner {
  readonly asker: ChunkAsker
  /** Called when a request has ended and room is free, when TLS is done, when the other end has proved itself, and when the connection has closed. */
  onChange: () => void = () => {}
  private readonly connection: BulkConnection
  private readonly ports: BulkSessionPorts
  private readonly options: BulkOptions
  private readonly remote: string
  /** Whom it was opened to; null of one that came from outside. */
  private readonly target: NodeId | null
  private readonly silence: SilenceTimer
  private readonly ready = Promise.withResolvers<void>()
  private exporter: Uint8Array | null = null
  private answerer: ChunkAnswerer | null = null
  private provedNode: NodeId | null = null
  private mayAsk = false
  private isRefusing = false
  private error: HoldfastError | null = null

  constructor(
    connection: BulkConnection,
    ports: BulkSessionPorts,
    options: BulkOptions,
    ends: { readonly remote: string; readonly target: NodeId | null },
  ) {
    this.connection = connection
    this.ports = ports
    this.options = options
    this.remote = ends.remote
    this.target = ends.target
    this.asker = new ChunkAsker(connection, options.requestsPerConnectionMax, () => this.onRequests())
    this.silence = new SilenceTimer(
      ports.clock,
      () => this.onSilent(),
      () => connection.movedBytes,
    )
    this.silence.allow(options.handshakeTimeoutMs)
    // It may fail when nobody waits for it any more.
    this.ready.promise.catch(() => {})
    connection.owner = this
  }

  /** Known when it has proved itself. */
  get node(): NodeId | null {
    return this.provedNode
  }

  get isOpen(): boolean {
    return this.provedNode !== null && this.error === null && !this.isRefusing
  }

  /** TLS is done; what it says next is its proof. */
  get isSecure(): boolean {
    return this.exporter !== null
  }

  get isEnded(): boolean {
    return this.error !== null
  }

  /** Bytes of chunks, both ways; 0 once it has ended. */
  get movedBytes(): number {
    return this.error === null ? this.connection.movedBytes : 0
  }

  /** Whether the other end answers on it. */
  get isAskable(): boolean {
    return this.isOpen && this.mayAsk
  }

  /** Whether a request may be made now. */
  get hasRoom(): boolean {
    return this.isAskable && this.asker.hasRoom
  }

  /** Resolves when both sides have proved themselves. PEER_UNREACHABLE, WRONG_CLUSTER_KEY, PEER_PROTOCOL. */
  whenReady(): Promise<void> {
    return this.ready.promise
  }

  close(error: HoldfastError): void {
    if (this.error !== null) return
    this.error = error
    this.silence.stop()
    this.connection.close()
    this.ready.reject(error)
    this.asker.fail(error)
    this.answerer?.stop()
    this.onChange()
  }

  onSecure(exporter: Uint8Array): void {
    this.exporter = exporter
    if (this.target !== null) this.connection.send(frameKind.proof, 0, this.ports.prover.prove('client', exporter))
    this.onChange()
  }

  onFrame(kind: number, id: number, payload: Uint8Array): void {
    if (this.isRefusing || this.error !== null) return
    this.silence.moved()
    try {
      this.take(kind, id, payload)
    } catch (error) {
      this.refuse(error)
    }
  }

  onSent(request: number, isWhole: boolean): void {
    this.silence.moved()
    this.answerer?.onSent(request, isWhole)
  }

  onChunk(request: number, error: HoldfastError | null, bytes: Uint8Array | null): void {
    this.silence.moved()
    this.asker.onChunk(request, error, bytes)
  }

  onBroken(error: HoldfastError): void {
    this.refuse(error)
  }

  onClosed(error: HoldfastError | null): void {
    if (this.target === null && this.exporter === null && error !== null)
      this.ports.log.debug({ remote: this.remote, reason: error.message }, 'a connection to the bulk port spoke no TLS')
    const what = error === null ? 'closed the connection' : `does not answer: ${error.message}`
    this.close(unreachable(this.label, this.remote, what, error))
  }

  private get label(): string {
    return this.target ?? this.provedNode ?? 'A stranger'
  }

  private take(kind: number, id: number, payload: Uint8Array): void {
    const answerer = this.answerer
    if (kind === frameKind.failure && id === 0) this.close(decodeFailure(payload))
    else if (this.provedNode === null) this.onProof(kind, payload)
    else if (kind === frameKind.request && answerer !== null) answerer.onRequest(id, decodeChunkRequest(payload))
    else if (kind === frameKind.cancel && answerer !== null) answerer.onCancel(id)
    else if (kind !== frameKind.missing && kind !== frameKind.failure)
      throw broken(this.label, this.remote, `sent a frame of the unknown kind ${kind}`)
    else if (!this.asker.onAnswer(kind, id, payload))
      throw broken(this.label, this.remote, 'answered a request that was not made')
  }

  private onProof(kind: number, payload: Uint8Array): void {
    if (kind !== frameKind.proof || this.exporter === null)
      throw broken(this.label, this.remote, 'spoke before it had proved itself')
    const { prover } = this.ports
    const { node, answers } = prover.check(this.target === null ? 'client' : 'server', this.exporter, payload)
    if (this.target !== null && node !== this.target) throw broken(this.label, this.remote, `is ${node}`)
    if (this.ports.isBanned(node)) throw new HoldfastError('PEER_BANNED', 'This node refuses connections of yours.')
    this.provedNode = node
    // One that was asked has always answered; one that asks may be of a version that does not.
    this.mayAsk = this.target !== null || answers
    this.answerer = new ChunkAnswerer(this.connection, node, this.ports, this.options)
    this.connection.admit(node)
    if (this.target === null) this.connection.send(frameKind.proof, 0, prover.prove('server', this.exporter))
    this.ready.resolve()
    this.onRequests()
  }

  /** What silence means changes with what is under way. */
  private onRequests(): void {
    if (this.provedNode === null) return
    const isAsking = this.asker.inFlight > 0
    const idleMs = this.target === null ? this.options.inboundIdleMs : this.options.idleMs
    this.silence.allow(isAsking ? this.options.stallTimeoutMs : idleMs)
    this.onChange()
  }

  private onSilent(): void {
    if (this.target === null && this.provedNode === null && !this.isRefusing)
      this.ports.onRefused(this.remote, 'no proof in time on a bulk connection')
    const { stallTimeoutMs } = this.options
    if (this.provedNode === null)
      this.close(unreachable(this.label, this.remote, 'did not finish the handshake in time'))
    else if (this.asker.inFlight > 0)
      this.close(unreachable(this.label, this.remote, `sent nothing for ${stallTimeoutMs} ms`))
    else this.close(unreachable(this.label, this.remote, 'was idle'))
  }

  /** Of a connection from outside the peer is told why, and whatever it sends meanwhile is dropped; one of ours is closed. */
  private refuse(error: unknown): void {
    if (this.isRefusing || this.error !== null) return
    const known = isHoldfastError(error)
      ? error
      : broken(this.label, this.remote, 'sent something that cannot be read', error)
    if (this.target !== null) {
      this.close(known)
      return
    }
    this.isRefusing = true
    const reason = isHoldfastError(error, 'WRONG_CLUSTER_KEY') ? `wrong cluster key: ${error.message}` : String(error)
    this.ports.onRefused(this.remote, reason)
    this.silence.allow(this.options.handshakeTimeoutMs)
    this.connection.send(frameKind.failure, 0, encodeFailure(error))
    this.connection.end()
    this.asker.fail(known)
    this.onChange()
  }
}
