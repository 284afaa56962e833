/**
 * Which calls of others are served, and how many bytes of them: no caller takes the places of the others. When all places are taken, a
 * caller with few calls still gets one.
 */
import { HoldfastError, type NodeId } from '../../common/index.ts'
import { FairPlaces } from '../shares/index.ts'

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

export class CallShares {
  private readonly options: CallShareOptions
  private readonly places: FairPlaces
  private readonly bytesByPeer = new Map<NodeId, number>()
  private sumBytes = 0

  constructor(options: CallShareOptions) {
    this.options = options
    this.places = new FairPlaces({
      placesMax: options.inboundMax,
      perOwnerMax: options.inboundPerPeerMax,
      perOwnerMin: options.inboundPerPeerMin,
    })
  }

  /** OVERLOADED when the caller has its share. Every call that entered has to leave. */
  enter(from: NodeId): void {
    const taken = this.places.enter(from)
    if (taken !== null) throw new HoldfastError('OVERLOADED', `The node serves ${taken} calls already.`)
  }

  /** Before a request is read. OVERLOADED when there is no memory for it: one caller may have half of it. */
  reserve(from: NodeId, sizeBytes: number): number {
    if (sizeBytes <= smallBytes) return 0
    const { inboundBytesMax } = this.options
    const ownBytes = this.bytesByPeer.get(from) ?? 0
    const isOwnTooMuch = ownBytes > 0 && ownBytes + sizeBytes > inboundBytesMax / 2
    if (isOwnTooMuch || this.sumBytes + sizeBytes > inboundBytesMax)
      throw new HoldfastError('OVERLOADED', `The node reads and serves calls of ${inboundBytesMax} bytes already.`)
    this.bytesByPeer.set(from, ownBytes + sizeBytes)
    this.sumBytes += sizeBytes
    return sizeBytes
  }

  /** @param reservedBytes what `reserve` answered. */
  leave(from: NodeId, reservedBytes: number): void {
    this.places.leave(from)
    const ownBytes = (this.bytesByPeer.get(from) ?? 0) - reservedBytes
    this.sumBytes -= reservedBytes
    if (ownBytes > 0) this.bytesByPeer.set(from, ownBytes)
    else this.bytesByPeer.delete(from)
  }
}
