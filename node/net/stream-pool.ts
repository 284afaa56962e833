/**
 * Streams to other nodes that are open and negotiated already. To open one costs a round trip before the first byte of a call, so
 * a stream is used again, and a caller that takes the last one of a peer has the next opened in the background: two calls in one
 * moment wait for nothing either. One stays open as long as the connection; what a burst needed beyond is closed after a while.
 */
import type { NodeId } from '../../common/index.ts'
import type { Clock } from '../system/index.ts'
import type { FrameStream } from './frame-stream.ts'

export interface StreamPoolOptions {
  /** Kept open per peer when nobody uses them. */
  readonly sparePerPeer: number
  /** Beyond these a stream that nobody used for so long is closed. */
  readonly idleMs: number
}

export interface StreamPoolPorts {
  /** Opens one on a connection that stands; null when there is none, or when the peer's streams cannot be used again. */
  readonly openAhead: (peer: NodeId) => Promise<FrameStream | null>
  readonly clock: Clock
}

interface Idle {
  readonly frames: FrameStream
  readonly sinceMs: number
}

export class StreamPool {
  private readonly ports: StreamPoolPorts
  private readonly options: StreamPoolOptions
  /** By peer, the one used last at the end. */
  private readonly idle = new Map<NodeId, Idle[]>()
  private readonly opening = new Set<NodeId>()
  private stopTimer: (() => void) | null = null

  constructor(ports: StreamPoolPorts, options: StreamPoolOptions) {
    this.ports = ports
    this.options = options
  }

  start(): void {
    this.stopTimer = this.ports.clock.every(this.options.idleMs, () => this.closeIdle())
  }

  /** Those in use end with their calls, all others with the connections. */
  stop(): void {
    this.stopTimer?.()
    this.stopTimer = null
    this.idle.clear()
  }

  /** An open stream on which nothing is under way, or null. */
  take(peer: NodeId): FrameStream | null {
    const kept = this.idle.get(peer) ?? []
    let taken: FrameStream | null = null
    while (taken === null && kept.length > 0) {
      const { frames } = kept.pop()!
      if (frames.isQuiet) taken = frames
      else frames.stream.abort(new Error('the peer sent what nobody asked for, or is gone'))
    }
    if (kept.length === 0) this.idle.delete(peer)
    if (kept.length < this.options.sparePerPeer) this.openAhead(peer)
    return taken
  }

  /** After a call that ended well, or before the first one. */
  giveBack(peer: NodeId, frames: FrameStream): void {
    if (this.stopTimer === null) {
      frames.close()
      return
    }
    const idle = { frames, sinceMs: this.ports.clock.nowMs() }
    const kept = this.idle.get(peer)
    if (kept === undefined) this.idle.set(peer, [idle])
    else kept.push(idle)
  }

  /** Never rejects; a peer without one in advance costs the next call a round trip, and that call tells why. */
  private openAhead(peer: NodeId): void {
    if (this.opening.has(peer)) return
    this.opening.add(peer)
    this.ports
      .openAhead(peer)
      .then((frames) => {
        if (frames !== null) this.giveBack(peer, frames)
      })
      .finally(() => this.opening.delete(peer))
  }

  /** And forgets those that ended with their connections. */
  private closeIdle(): void {
    const beforeMs = this.ports.clock.nowMs() - this.options.idleMs
    for (const [peer, all] of this.idle) {
      const kept = all.filter(({ frames }) => frames.isQuiet)
      while (kept.length > this.options.sparePerPeer && kept[0]!.sinceMs <= beforeMs) kept.shift()!.frames.close()
      if (kept.length === 0) this.idle.delete(peer)
      else this.idle.set(peer, kept)
    }
  }
}
