/** Which peers calls run to and from, and since when none does: a connection that is in use is not to be closed. */
import type { NodeId } from '../../common/index.ts'
import type { Clock } from '../system/index.ts'

interface Activity {
  isConnected: boolean
  running: number
  /** When the last call ended, or the connection was made. */
  sinceMs: number
}

export class CallActivity {
  private readonly clock: Clock
  private readonly peers = new Map<NodeId, Activity>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  connected(peer: NodeId): void {
    const activity = this.of(peer)
    activity.isConnected = true
    activity.sinceMs = this.clock.nowMs()
  }

  disconnected(peer: NodeId): void {
    const activity = this.of(peer)
    activity.isConnected = false
    this.forgetUnused(peer, activity)
  }

  /** A call that lasts until the returned function is called; with false, it was no use of the connection. */
  begin(peer: NodeId): (isUse?: boolean) => void {
    const activity = this.of(peer)
    activity.running += 1
    return (isUse = true) => {
      activity.running -= 1
      if (isUse) activity.sinceMs = this.clock.nowMs()
      this.forgetUnused(peer, activity)
    }
  }

  idleMs(peer: NodeId): number {
    const activity = this.peers.get(peer)
    return activity === undefined || activity.running > 0 ? 0 : this.clock.nowMs() - activity.sinceMs
  }

  private of(peer: NodeId): Activity {
    const known = this.peers.get(peer)
    if (known !== undefined) return known
    const activity = { isConnected: false, running: 0, sinceMs: this.clock.nowMs() }
    this.peers.set(peer, activity)
    return activity
  }

  private forgetUnused(peer: NodeId, { isConnected, running }: Activity): void {
    if (!isConnected && running === 0) this.peers.delete(peer)
  }
}
