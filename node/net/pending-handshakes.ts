/**
 * Handshakes of strangers with the cluster port: each has its place only until others need it (see FairConnections), and an address whose
 * handshakes keep failing waits before the next one begins (see FailurePace). One that has shown the cluster key is none of them any more.
 */
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { HoldfastError } from '../../common/index.ts'
import { type ConnectionShares, FailurePace, type FailurePaceOptions, FairConnections } from '../shares/index.ts'
import type { Clock } from '../system/index.ts'
import { addressOwner } from './address-owner.ts'

/** The gater given, which also decides who of those at the door gives way, and who waits. */
export function boundHandshakes(
  gater: ConnectionGater,
  clock: Clock,
  shares: ConnectionShares,
  failures: FailurePaceOptions,
): ConnectionGater {
  const pace = new FailurePace(failures)
  const pending = new FairConnections<MultiaddrConnection>(shares, (connection) =>
    connection.abort(new HoldfastError('OVERLOADED', 'Other connections took the place of this handshake.')),
  )
  return {
    ...gater,
    denyInboundConnection: async (connection) => {
      const owner = addressOwner(connection.remoteAddr)
      const waitMs = pace.enter(owner, clock.nowMs())
      pending.enter(connection, owner)
      if (waitMs > 0) {
        await pauseFor(connection, clock, waitMs)
        pace.waited(owner)
        if (connection.status !== 'open') return true
      }
      connection.addEventListener('close', () => {
        if (pending.leave(connection)) pace.failed(owner, clock.nowMs())
      })
      return false
    },
    denyInboundEncryptedConnection: async (peer: PeerId, connection: MultiaddrConnection) => {
      const isDenied = (await gater.denyInboundEncryptedConnection?.(peer, connection)) ?? false
      if (isDenied) pending.leave(connection)
      else if (pending.passed(connection)) pace.succeeded(addressOwner(connection.remoteAddr))
      return isDenied
    },
  }

  /** Waits, and leaves the bytes of the other side in its socket. A connection that ends ends the wait. */
  async function pauseFor(connection: MultiaddrConnection, { after }: Clock, waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const forget = after(waitMs, resolve)
    connection.addEventListener('close', () => resolve(), { once: true })
    connection.pause()
    await promise
    forget()
    if (connection.status === 'open') connection.resume()
    else pending.leave(connection)
  }
}
