/**
 * Small calls between nodes: one request and one answer, each alone on a libp2p stream, so that a slow call delays no other.
 *
 *   /holdfast/rpc/1   a stream per call: two round trips, as the protocol of a stream is agreed on first
 *   /holdfast/rpc/2   a stream carries one call after another, and the caller keeps it: one round trip
 *
 * Nodes serve both; a caller takes the newest that the peer has told of. Both directions have byte limits, a node serves a bounded
 * number of calls at once (OVERLOADED beyond), and every wait ends: on the caller's signal, on a timeout, or when the connection
 * does. A handler's signal fires when its caller is gone.
 */
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { HoldfastError, isHoldfastError, type NodeId, TimeLimit } from '../../common/index.ts'
import type { AbortOptions, ClusterNetwork } from '../ports/index.ts'
import type { Clock, Log } from '../system/index.ts'
import { CallActivity } from './call-activity.ts'
import type { CallShareOptions } from './call-shares.ts'
import { FrameStream } from './frame-stream.ts'
import { decodeAnswer, encodeRequest } from './rpc-frames.ts'
import { checkPayload, frameOverheadBytes, pingMethod, RpcServer } from './rpc-server.ts'
import { StreamPool, type StreamPoolOptions } from './stream-pool.ts'

export interface RpcOptions extends StreamPoolOptions, CallShareOptions {
  /** Payload of a request. A version summary of 10,000 nodes takes 2 MB. */
  readonly requestBytes: number
  /** Payload of an answer. */
  readonly answerBytes: number
  /** Streams for calls to or from one peer, those included that wait for the next call. */
  readonly perPeerMax: number
  /** A call without a signal of its own ends after this. */
  readonly callTimeoutMs: number
  /** A peer that began a request has this long to send the whole of it; on a stream of a single call, since it opened it. */
  readonly requestTimeoutMs: number
}

export const defaultRpcOptions: RpcOptions = {
  requestBytes: 4 * 2 ** 20,
  answerBytes: 4 * 2 ** 20,
  inboundMax: 256,
  inboundPerPeerMax: 96,
  inboundPerPeerMin: 4,
  inboundBytesMax: 512 * 2 ** 20,
  perPeerMax: 128,
  callTimeoutMs: 30_000,
  requestTimeoutMs: 10_000,
  sparePerPeer: 1,
  idleMs: 60_000,
}

export const singleCallProtocol = '/holdfast/rpc/1'
export const rpcProtocol = '/holdfast/rpc/2'

export class Rpc {
  readonly activity: CallActivity
  private readonly libp2p: Libp2p
  private readonly options: RpcOptions
  private readonly log: Log
  private readonly clock: Clock
  private readonly server: RpcServer
  private readonly pool: StreamPool

  constructor(libp2p: Libp2p, options: RpcOptions, { log, clock }: { readonly log: Log; readonly clock: Clock }) {
    this.libp2p = libp2p
    this.options = options
    this.log = log
    this.clock = clock
    this.activity = new CallActivity(clock)
    this.server = new RpcServer(options, { log, clock, activity: this.activity })
    this.pool = new StreamPool({ openAhead: (peer) => this.openAhead(peer), clock }, options)
  }

  async start(): Promise<void> {
    const limits = { maxInboundStreams: this.options.perPeerMax, maxOutboundStreams: this.options.perPeerMax }
    // The newer one first: a peer that hears of one protocol only is to hear of this one.
    await this.libp2p.handle(rpcProtocol, (stream, { remotePeer }) => this.server.serve(stream, remotePeer), limits)
    await this.libp2p.handle(
      singleCallProtocol,
      (stream, { remotePeer }) => this.server.serveOne(stream, remotePeer),
      limits,
    )
    this.pool.start()
  }

  /** Ends the handlers' signals; answers that are under way fail with the connection. */
  stop(): void {
    this.pool.stop()
    this.server.stop()
  }

  handle(method: string, handler: Parameters<ClusterNetwork['handle']>[1]): void {
    this.server.handle(method, handler)
  }

  async call(peer: PeerId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    checkPayload(payload, this.options.requestBytes, `The request ${method}`)
    const end = this.activity.begin(peer.toString())
    try {
      const outcome = await this.exchange(peer, method, payload, options)
      if (outcome instanceof HoldfastError) throw outcome
      return outcome
    } finally {
      end()
    }
  }

  /**
   * How long the peer takes to answer a call that asks for nothing, in milliseconds. Any answer will do, a refusal too. It is no use of
   * the connection: one on which nothing else happens is idle.
   */
  async ping(peer: PeerId, options: AbortOptions = {}): Promise<number> {
    const startedMs = this.clock.nowMs()
    await this.exchange(peer, pingMethod, new Uint8Array(), options)
    return this.clock.nowMs() - startedMs
  }

  /** @returns the answer, or the error that the peer answered with. */
  private async exchange(
    peer: PeerId,
    method: string,
    payload: Uint8Array,
    options: AbortOptions,
  ): Promise<Uint8Array | HoldfastError> {
    using limit = new TimeLimit(this.clock, this.options.callTimeoutMs, options.signal)
    const { signal } = limit
    const node = peer.toString()
    let frames: FrameStream | undefined
    try {
      signal.throwIfAborted()
      frames = this.pool.take(node) ?? (await this.open(peer, signal))
      // A node may answer before it has read the whole request (OVERLOADED), so the answer is awaited at once. When writing
      // fails the stream is closed, and reading fails for the same reason.
      frames.write(encodeRequest({ method, payload }), signal).catch(() => {})
      const answer = decodeAnswer(await frames.read(signal))
      if (answer.isLast || !frames.isQuiet || frames.stream.protocol !== rpcProtocol) frames.close()
      else this.pool.giveBack(node, frames)
      return answer.outcome
    } catch (error) {
      frames?.stream.abort(error instanceof Error ? error : new Error(String(error)))
      throw callError(error, node, method, signal)
    }
  }

  private async open(peer: PeerId, signal: AbortSignal): Promise<FrameStream> {
    const { perPeerMax: maxOutboundStreams } = this.options
    const protocols = await this.protocolsOf(peer)
    return this.framed(await this.libp2p.dialProtocol(peer, protocols, { signal, maxOutboundStreams }))
  }

  private async openAhead(node: NodeId): Promise<FrameStream | null> {
    const connection = this.libp2p.getConnections().find(({ remotePeer }) => remotePeer.toString() === node)
    if (connection === undefined) return null
    try {
      const protocols = await this.protocolsOf(connection.remotePeer)
      if (!protocols.includes(rpcProtocol)) return null
      const { requestTimeoutMs, perPeerMax: maxOutboundStreams } = this.options
      using limit = new TimeLimit(this.clock, requestTimeoutMs)
      const { signal } = limit
      return this.framed(await connection.newStream(rpcProtocol, { signal, maxOutboundStreams }))
    } catch (error) {
      this.log.debug({ err: error, node }, 'no stream was opened ahead of the next call')
      return null
    }
  }

  /** A peer that has told what it speaks is not asked for what it does not: that would be a round trip more. */
  private async protocolsOf(peer: PeerId): Promise<string[]> {
    const known = (await this.libp2p.peerStore.has(peer)) ? (await this.libp2p.peerStore.get(peer)).protocols : []
    if (known.includes(rpcProtocol)) return [rpcProtocol]
    return known.includes(singleCallProtocol) ? [singleCallProtocol] : [rpcProtocol, singleCallProtocol]
  }

  private framed(stream: Stream): FrameStream {
    const frameBytesMax = this.options.answerBytes + frameOverheadBytes
    const tooLarge = (sizeBytes: number) =>
      new HoldfastError('PEER_PROTOCOL', `An answer of ${sizeBytes} bytes is larger than it may be.`)
    return new FrameStream(stream, { frameBytesMax, tooLarge })
  }
}

/** libp2p's and the stream's errors by name; a protocol that the peer does not speak is a broken one, all else an unreachable peer. */
function callError(error: unknown, node: NodeId, method: string, signal: AbortSignal): HoldfastError {
  if (isHoldfastError(error)) return error
  const details = { node, method }
  if (signal.aborted) {
    return new HoldfastError('DEADLINE_EXCEEDED', `The call ${method} to ${node} was not answered in time.`, {
      details,
      cause: error,
    })
  }
  switch ((error as { name?: string }).name) {
    case 'UnsupportedProtocolError':
      return new HoldfastError('PEER_PROTOCOL', `${node} broke the protocol of calls.`, { details, cause: error })
    case 'TooManyOutboundProtocolStreamsError':
      return new HoldfastError('OVERLOADED', `Too many calls to ${node} are open.`, { details, cause: error })
    default:
      return new HoldfastError('PEER_UNREACHABLE', `${node} does not answer the call ${method}.`, {
        details,
        cause: error,
      })
  }
}
