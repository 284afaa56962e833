/**
 * Handshakes of strangers with the cluster port: each has its place only until others need it (see FairConnections). One that has shown
 * the cluster key is none of them any more.
 */
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import { HoldfastError } from '../../common/index.ts'
import { type ConnectionShares, FairConnections } from '../shares/index.ts'

/** The gater given, which also decides who of those at the door gives way. */
export function boundHandshakes(gater: ConnectionGater, shares: ConnectionShares): ConnectionGater {
  const pending = new FairConnections<MultiaddrConnection>(shares, (connection) =>
    connection.abort(new HoldfastError('OVERLOADED', 'Other connections took the place of this handshake.')),
  )
  return {
    ...gater,
    denyInboundConnection: (connection) => {
      pending.enter(connection, hostOf(connection))
      connection.addEventListener('close', () => pending.leave(connection), { once: true })
      return false
    },
    denyInboundEncryptedConnection: async (peer: PeerId, connection: MultiaddrConnection) => {
      const isDenied = (await gater.denyInboundEncryptedConnection?.(peer, connection)) ?? false
      if (isDenied) pending.leave(connection)
      else pending.passed(connection)
      return isDenied
    },
  }
}

/** All connections of a host that has none in its address share one place. */
function hostOf({ remoteAddr }: MultiaddrConnection): string {
  const part = remoteAddr.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6')
  return part?.value ?? ''
}
