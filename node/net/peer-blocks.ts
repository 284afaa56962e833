/**
 * Nodes that get no connection for a while, in or out. Also keeps out identities that are no Ed25519 key: their ids do not contain
 * a public key, so nothing they sign could be checked.
 */
import type { ConnectionGater, PeerId } from '@libp2p/interface'
import type { NodeId } from '../../common/index.ts'
import type { Clock } from '../system/index.ts'

export class PeerBlocks {
  private readonly clock: Clock
  private readonly untilMs = new Map<NodeId, number>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** A shorter block never cuts a longer one. Infinity is for ever. */
  block(node: NodeId, durationMs: number): void {
    const nowMs = this.clock.nowMs()
    for (const [other, untilMs] of this.untilMs) if (untilMs <= nowMs) this.untilMs.delete(other)
    this.untilMs.set(node, Math.max(nowMs + durationMs, this.untilMs.get(node) ?? 0))
  }

  unblock(node: NodeId): void {
    this.untilMs.delete(node)
  }

  isBlocked(node: NodeId): boolean {
    const untilMs = this.untilMs.get(node)
    return untilMs !== undefined && untilMs > this.clock.nowMs()
  }

  gater(): ConnectionGater {
    const deny = (peer: PeerId): boolean => peer.type !== 'Ed25519' || this.isBlocked(peer.toString())
    return {
      denyDialPeer: deny,
      denyInboundEncryptedConnection: deny,
      denyOutboundEncryptedConnection: deny,
    }
  }
}
