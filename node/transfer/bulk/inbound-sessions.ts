/**
 * Connections that others have opened to the bulk port. Strangers and peers that have proved themselves are counted apart, so that the
 * first never take the places of the second.
 */
import { HoldfastError, type NodeId } from '../../../common/index.ts'
import { ownerOfHost } from '../../net/index.ts'
import { FairConnections } from '../../shares/index.ts'
import type { BulkSession } from './bulk-session.ts'
import type { BulkOptions } from './options.ts'

export class InboundSessions {
  private readonly all = new Set<BulkSession>()
  private readonly handshakes: FairConnections<BulkSession>
  private readonly proved: FairConnections<BulkSession>

  constructor(options: BulkOptions) {
    const giveWay = (session: BulkSession) =>
      session.close(new HoldfastError('OVERLOADED', 'Other connections took the place of this one.'))
    this.handshakes = new FairConnections(
      { connectionsMax: options.handshakesMax, perOwnerMax: options.handshakesPerAddressMax },
      giveWay,
    )
    this.proved = new FairConnections(
      { connectionsMax: options.inboundConnectionsMax, perOwnerMax: options.inboundPerPeerMax },
      giveWay,
    )
  }

  [Symbol.iterator](): Iterator<BulkSession> {
    return this.all[Symbol.iterator]()
  }

  askableOf(node: NodeId): BulkSession[] {
    return [...this.all].filter((session) => session.node === node && session.isAskable)
  }

  /** @param remote address and port. */
  add(session: BulkSession, remote: string): void {
    this.all.add(session)
    this.handshakes.enter(session, ownerOfHost(remote.slice(0, remote.lastIndexOf(':'))))
  }

  /** After anything happened to it. */
  changed(session: BulkSession): void {
    if (session.isEnded) {
      this.all.delete(session)
      this.handshakes.leave(session)
      this.proved.leave(session)
    } else if (session.node !== null) {
      if (this.handshakes.passed(session)) this.proved.enter(session, session.node)
    } else if (session.isSecure) this.handshakes.spoke(session)
  }
}
