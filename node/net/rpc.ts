/**
 * Small calls between nodes: one request and one answer on a libp2p stream of its own, so that a slow call delays no other.
 *
 * Both directions have byte limits, a node serves a bounded number of calls at once (OVERLOADED beyond), and every wait ends: on
 * the caller's signal, on a timeout, or when the connection does. A handler's signal fires when its caller is gone.
 */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { HoldfastError, isHoldfastError } from '../../placement/errors.ts'
import type { NodeId } from '../../placement/types.ts'
import type { Log } from '../log.ts'
import type { AbortOptions, ClusterNetwork } from '../ports.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeFailure, encodeRequest } from './rpc-frames.ts'

export interface RpcOptions {
  /** Payload of a request. A digest of 10,000 nodes takes 2 MB. */
  readonly requestBytes: number
  /** Payload of an answer. */
  readonly answerBytes: number
  /** Calls served at one time, of all peers together; each may hold a request and an answer in memory. */
  readonly inboundMax: number
  /** Open calls to or from one peer. */
  readonly perPeerMax: number
  /** A call without a signal of its own ends after this. */
  readonly callTimeoutMs: number
  /** A peer that opened a stream has this long to send its whole request. */
  readonly requestTimeoutMs: number
}

export const defaultRpcOptions: RpcOptions = {
  requestBytes: 4 * 2 ** 20,
  answerBytes: 4 * 2 ** 20,
  inboundMax: 256,
  perPeerMax: 128,
  callTimeoutMs: 30_000,
  requestTimeoutMs: 10_000,
}

export const rpcProtocol = '/holdfast/rpc/1'
/** What a frame adds to its payload: map keys, a method name, or an error text. */
const frameOverheadBytes = 16 * 1024

type Handler = Parameters<ClusterNetwork['handle']>[1]

export class Rpc {
  private readonly libp2p: Libp2p
  private readonly options: RpcOptions
  private readonly log: Log
  private readonly handlers = new Map<string, Handler>()
  /** Calls that are being served, each with what ends it. */
  private readonly inbound = new Set<AbortController>()

  constructor(libp2p: Libp2p, options: RpcOptions, log: Log) {
    this.libp2p = libp2p
    this.options = options
    this.log = log
  }

  async start(): Promise<void> {
    await this.libp2p.handle(rpcProtocol, (stream, connection) => this.serve(stream, connection), {
      maxInboundStreams: this.options.perPeerMax,
      maxOutboundStreams: this.options.perPeerMax,
    })
  }

  /** Ends the handlers' signals; answers that are under way fail with the connection. */
  stop(): void {
    for (const call of this.inbound) call.abort(new HoldfastError('SHUTTING_DOWN', 'This node is stopping.'))
  }

  handle(method: string, handler: Handler): void {
    if (this.handlers.has(method)) throw new Error(`there is a handler for ${method} already`)
    this.handlers.set(method, handler)
  }

  async call(peer: PeerId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    limit(payload, this.options.requestBytes, `The request ${method}`)
    const timeout = AbortSignal.timeout(this.options.callTimeoutMs)
    const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout])
    let stream: Stream | undefined
    try {
      signal.throwIfAborted()
      stream = await this.libp2p.dialProtocol(peer, rpcProtocol, {
        signal,
        maxOutboundStreams: this.options.perPeerMax,
      })
      const frames = framed(stream, this.options.answerBytes)
      // A node may answer before it has read the whole request (OVERLOADED), so the answer is awaited at once. When writing
      // fails the stream is closed, and reading fails for the same reason.
      frames.write(encodeRequest({ method, payload }), { signal }).catch(() => {})
      const answer = await frames.read({ signal })
      closeQuietly(stream)
      return decodeAnswer(answer.subarray())
    } catch (error) {
      stream?.abort(error instanceof Error ? error : new Error(String(error)))
      throw callError(error, peer.toString(), method, signal)
    }
  }

  /** Never rejects: whatever a peer does ends its own stream only. */
  private async serve(stream: Stream, connection: Connection): Promise<void> {
    const from = connection.remotePeer.toString()
    const call = new AbortController()
    stream.addEventListener('close', () =>
      call.abort(new HoldfastError('PEER_UNREACHABLE', `${from} gave up the call.`)),
    )
    try {
      const frames = framed(stream, this.options.requestBytes)
      const answer = await this.answer(from, frames, call)
      await frames.write(answer, { signal: AbortSignal.timeout(this.options.requestTimeoutMs) })
      await stream.close({ signal: AbortSignal.timeout(this.options.requestTimeoutMs) })
    } catch (error) {
      this.log.debug({ err: error, from }, 'a call ended before it was answered')
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  private async answer(from: NodeId, frames: ReturnType<typeof framed>, call: AbortController): Promise<Uint8Array> {
    if (this.inbound.size >= this.options.inboundMax) {
      return encodeFailure(new HoldfastError('OVERLOADED', `The node serves ${this.options.inboundMax} calls already.`))
    }
    this.inbound.add(call)
    let method = ''
    try {
      const request = decodeRequest(await this.readRequest(frames))
      method = request.method
      const handler = this.handlers.get(method)
      if (handler === undefined)
        throw new HoldfastError('PEER_PROTOCOL', `This node knows no method ${JSON.stringify(method)}.`)
      const payload = await handler(from, request.payload, { signal: call.signal })
      limit(payload, this.options.answerBytes, `The answer to ${method}`)
      return encodeAnswer(payload)
    } catch (error) {
      if (!isHoldfastError(error)) this.log.warn({ err: error, from, method }, 'a call could not be served')
      return encodeFailure(error)
    } finally {
      this.inbound.delete(call)
    }
  }

  private async readRequest(frames: ReturnType<typeof framed>): Promise<Uint8Array> {
    try {
      const frame = await frames.read({ signal: AbortSignal.timeout(this.options.requestTimeoutMs) })
      return frame.subarray()
    } catch (cause) {
      if ((cause as Error).name !== 'InvalidDataLengthError') throw cause
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `A request may have ${this.options.requestBytes} bytes on this node.`,
        { cause },
      )
    }
  }
}

/** Ends our half; when even that fails the stream is reset, and nobody waits for either. */
function closeQuietly(stream: Stream): void {
  stream.close().catch((error: Error) => stream.abort(error))
}

function framed(stream: Stream, payloadBytes: number) {
  const frameBytes = payloadBytes + frameOverheadBytes
  return lpStream(stream, { maxDataLength: frameBytes, maxBufferSize: 2 * frameBytes })
}

function limit(payload: Uint8Array, limitBytes: number, what: string): void {
  if (payload.byteLength <= limitBytes) return
  throw new HoldfastError('REQUEST_TOO_LARGE', `${what} has ${payload.byteLength} bytes; ${limitBytes} are allowed.`, {
    details: { payloadBytes: payload.byteLength, limitBytes },
  })
}

/** libp2p's and the stream's errors by name; a frame that cannot be read is a broken protocol, all else an unreachable peer. */
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
    case 'InvalidMessageLengthError':
    case 'InvalidDataLengthError':
    case 'InvalidDataLengthLengthError':
    case 'StreamBufferError':
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
