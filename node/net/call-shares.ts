/**
 * Which calls of others are served, and how many bytes of them: no caller takes the places of the others. When all places are taken, a
 * caller with few calls still gets one.
 */
import { HoldfastError, type NodeId } from '../../common/index.ts'

export interface CallShareOptions {
  /** Calls served at one time, of all peers together; each may hold a request and an answer in memory. */
  readonly inboundMax: number
  /** Of one peer. */
  readonly inboundPerPeerMax: number
  /** Calls that a peer always has, also when the others have all places. */
  readonly inboundPerPeerMin: number
  /** Bytes of requests that are read or served, of all peers together, but for small ones. */
  readonly inboundBytesMax: number
}

/** A request of this size is not counted: as many as there may be of them are little. */
const smallBytes = 64 * 1024

interface Share {
  calls: number
  sizeBytes: number
}

export class CallShares {
  private readonly options: CallShareOptions
  private readonly byPeer = new Map<NodeId, Share>()
  private calls = 0
  private sumBytes = 0

  constructor(options: CallShareOptions) {
    this.options = options
  }

  /** OVERLOADED when the caller has its share. Every call that entered has to leave. */
  enter(from: NodeId): void {
    const { inboundMax, inboundPerPeerMax, inboundPerPeerMin } = this.options
    const share = this.byPeer.get(from) ?? { calls: 0, sizeBytes: 0 }
    if (share.calls >= inboundPerPeerMax)
      throw new HoldfastError('OVERLOADED', `The node serves ${inboundPerPeerMax} calls of yours already.`)
    if (this.calls >= inboundMax && share.calls >= Math.min(inboundPerPeerMin, inboundMax))
      throw new HoldfastError('OVERLOADED', `The node serves ${inboundMax} calls already.`)
    share.calls += 1
    this.calls += 1
    this.byPeer.set(from, share)
  }

  /** Before a request is read. OVERLOADED when there is no memory for it: one caller may have half of it. */
  reserve(from: NodeId, sizeBytes: number): number {
    if (sizeBytes <= smallBytes) return 0
    const share = this.byPeer.get(from)
    const { inboundBytesMax } = this.options
    const ownBytes = share?.sizeBytes ?? 0
    const isFirst = ownBytes === 0
    if (
      share === undefined ||
      this.sumBytes + sizeBytes > inboundBytesMax ||
      (!isFirst && ownBytes + sizeBytes > inboundBytesMax / 2)
    )
      throw new HoldfastError('OVERLOADED', `The node reads and serves calls of ${inboundBytesMax} bytes already.`)
    share.sizeBytes += sizeBytes
    this.sumBytes += sizeBytes
    return sizeBytes
  }

  /** @param reservedBytes what `reserve` answered. */
  leave(from: NodeId, reservedBytes: number): void {
    const share = this.byPeer.get(from)
    if (share === undefined) return
    share.calls -= 1
    share.sizeBytes -= reservedBytes
    this.calls -= 1
    this.sumBytes -= reservedBytes
    if (share.calls === 0) this.byPeer.delete(from)
  }
}
