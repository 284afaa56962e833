/** The serving side of calls. Whatever a peer does ends its own stream only. */
import type { PeerId, Stream } from '@libp2p/interface'
import { HoldfastError, isHoldfastError, type NodeId, pause, TimeLimit } from '../../common/index.ts'
import type { ClusterNetwork } from '../ports/index.ts'
import { FailurePace } from '../shares/index.ts'
import type { Clock, Log } from '../system/index.ts'
import type { CallActivity } from './call-activity.ts'
import { type CallShareOptions, CallShares } from './call-shares.ts'
import { FrameStream } from './frame-stream.ts'
import { decodeRequest, encodeAnswer, encodeFailure } from './rpc-frames.ts'

export interface RpcServerOptions extends CallShareOptions {
  readonly requestBytes: number
  readonly answerBytes: number
  readonly requestTimeoutMs: number
}

export interface RpcServerPorts {
  readonly log: Log
  readonly clock: Clock
  readonly activity: CallActivity
}

type Handler = Parameters<ClusterNetwork['handle']>[1]

/** What a frame adds to its payload: map keys, a method name, or an error text. */
export const frameOverheadBytes = 16 * 1024

/** Asks for nothing: whether the node answers, and how fast. Nodes that do not know it refuse it, which is an answer. */
export const pingMethod = 'ping'

/** Requests of at most this size cost little to read, however often. */
const smallBytes = 64 * 1024
/** Large requests of one peer that are malformed. */
const malformedPace = { freeFailures: 4, perSecond: 0.5, knownPerSecond: 0.5 }

/** Tensors take their time on the uplink of an edge box, which carries this at least. */
const slowestBytesPerS = 2 ** 20

export class RpcServer {
  private readonly options: RpcServerOptions
  private readonly log: Log
  private readonly clock: Clock
  private readonly activity: CallActivity
  private readonly handlers = new Map<string, Handler>()
  private readonly shares: CallShares
  private readonly pace = new FailurePace(malformedPace)
  /** Calls that are being served, each with what ends it. */
  private readonly inbound = new Set<AbortController>()

  constructor(options: RpcServerOptions, { log, clock, activity }: RpcServerPorts) {
    this.options = options
    this.shares = new CallShares(options)
    this.log = log
    this.clock = clock
    this.activity = activity
    this.handle(pingMethod, async () => new Uint8Array())
  }

  handle(method: string, handler: Handler): void {
    if (this.handlers.has(method)) throw new Error(`there is a handler for ${method} already`)
    this.handlers.set(method, handler)
  }

  stop(): void {
    for (const call of this.inbound) call.abort(new HoldfastError('SHUTTING_DOWN', 'This node is stopping.'))
  }

  /** One call after another, until the caller or the connection ends the stream. It may be idle for as long as it likes. */
  serve(stream: Stream, peer: PeerId): Promise<void> {
    return this.answered(stream, peer, async (frames) => {
      while (await frames.begins()) if (await this.serveNext(frames, peer.toString())) return
    })
  }

  /** For callers of the first version. */
  serveOne(stream: Stream, peer: PeerId): Promise<void> {
    return this.answered(stream, peer, async (frames) => {
      await this.serveNext(frames, peer.toString())
    })
  }

  /** Never rejects. */
  private async answered(stream: Stream, peer: PeerId, serve: (frames: FrameStream) => Promise<void>): Promise<void> {
    const { requestBytes } = this.options
    const frames = new FrameStream(stream, {
      frameBytesMax: requestBytes + frameOverheadBytes,
      tooLarge: () => new HoldfastError('REQUEST_TOO_LARGE', `A request may have ${requestBytes} bytes on this node.`),
    })
    try {
      await serve(frames)
      using limit = this.limit()
      await stream.close({ signal: limit.signal })
    } catch (error) {
      this.log.debug({ err: error, from: peer.toString() }, 'a call ended before it was answered')
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** True when nothing more is read from this stream. */
  private async serveNext(frames: FrameStream, from: NodeId): Promise<boolean> {
    const call = new AbortController()
    const end = this.activity.begin(from)
    let isUse = true
    const onClose = () => call.abort(new HoldfastError('PEER_UNREACHABLE', `${from} gave up the call.`))
    frames.stream.addEventListener('close', onClose)
    try {
      const { answer, isLast, method } = await this.answer(from, frames, call)
      isUse = method !== pingMethod
      using limit = this.limit(answer.byteLength)
      await frames.write(answer, limit.signal)
      return isLast
    } finally {
      end(isUse)
      frames.stream.removeEventListener('close', onClose)
    }
  }

  private async answer(
    from: NodeId,
    frames: FrameStream,
    call: AbortController,
  ): Promise<{ answer: Uint8Array; isLast: boolean; method: string }> {
    try {
      this.shares.enter(from)
    } catch (error) {
      return { answer: encodeFailure(error, { isLast: true }), isLast: true, method: '' }
    }
    this.inbound.add(call)
    let [sizeBytes, reservedBytes] = [0, 0]
    const reserve = (announcedBytes: number) => {
      sizeBytes = announcedBytes
      reservedBytes = this.shares.reserve(from, announcedBytes)
    }
    let method = ''
    // Until the request has been read whole, the stream stands somewhere within it.
    let isLast = true
    try {
      const frame = await this.read(frames, from, reserve)
      isLast = false
      const request = decodeRequest(frame)
      method = request.method
      const handler = this.handlers.get(method)
      if (handler === undefined)
        throw new HoldfastError('PEER_PROTOCOL', `This node knows no method ${JSON.stringify(method)}.`)
      const payload = await handler(from, request.payload, { signal: call.signal })
      checkPayload(payload, this.options.answerBytes, `The answer to ${method}`)
      return { answer: encodeAnswer(payload), isLast, method }
    } catch (error) {
      if (sizeBytes > smallBytes && isMalformed(error)) this.pace.failed(from, this.clock.nowMs())
      if (!isHoldfastError(error)) this.log.warn({ err: error, from, method }, 'a call could not be served')
      return { answer: encodeFailure(error, { isLast }), isLast, method }
    } finally {
      this.inbound.delete(call)
      this.shares.leave(from, reservedBytes)
    }
  }

  private async read(frames: FrameStream, from: NodeId, reserve: (sizeBytes: number) => void): Promise<Uint8Array> {
    using first = this.limit()
    const sizeBytes = await frames.announced(first.signal)
    reserve(sizeBytes)
    if (sizeBytes > smallBytes) await this.waitForTurn(frames, from, first.signal)
    using whole = this.limit(sizeBytes)
    return await frames.read(whole.signal)
  }

  /** A request is decrypted before it can be refused. A peer that keeps sending large requests without meaning has to wait. */
  private async waitForTurn(frames: FrameStream, from: NodeId, signal: AbortSignal): Promise<void> {
    const waitMs = this.pace.enter(from, this.clock.nowMs())
    if (waitMs === 0) return
    frames.stream.pause()
    try {
      await pause(this.clock, waitMs, signal)
    } finally {
      this.pace.waited(from)
      if (frames.stream.status === 'open') frames.stream.resume()
    }
  }

  private limit(sizeBytes = 0): TimeLimit {
    return new TimeLimit(this.clock, this.options.requestTimeoutMs + (1000 * sizeBytes) / slowestBytesPerS)
  }
}

/** Errors that are the sender's alone: such a request has no answer, whatever this node holds. */
function isMalformed(error: unknown): boolean {
  return isHoldfastError(error, 'PEER_PROTOCOL') || isHoldfastError(error, 'BAD_MODEL_NAME')
}

export function checkPayload(payload: Uint8Array, limitBytes: number, what: string): void {
  if (payload.byteLength <= limitBytes) return
  throw new HoldfastError('REQUEST_TOO_LARGE', `${what} has ${payload.byteLength} bytes; ${limitBytes} are allowed.`, {
    details: { payloadBytes: payload.byteLength, limitBytes },
  })
}
