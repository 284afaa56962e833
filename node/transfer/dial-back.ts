/**
 * Bulk connections to nodes that nobody can reach, because they are behind NAT or a firewall: they are asked over libp2p to open the
 * connection themselves, and are then asked for chunks over it.
 *
 *   bulk-dial   request: {version: 1, address: text}    answer: {version: 1} when the connection is open
 *
 * Only members of the cluster can call. The connection that is opened proves both sides as every bulk connection does, so the address can
 * lead to nobody else.
 */
import type { NodeId } from '../../common/index.ts'
import { decodeCbor, encodeCbor, isPlainMap, malformed } from '../net/index.ts'
import type { AbortOptions, BulkTransport, ClusterNetwork } from '../ports/index.ts'
import { isReadableVersion, spokenVersion } from '../system/index.ts'

const method = 'bulk-dial'
const addressCharsMax = 300

/** Resolves when that node has opened a connection to `address`. The errors of a call. */
export async function askToDial(
  network: Pick<ClusterNetwork, 'call'>,
  node: NodeId,
  address: string,
  options: AbortOptions,
): Promise<void> {
  await network.call(node, method, encodeCbor({ version: spokenVersion, address }), options)
}

/** Before the network starts. */
export function serveDialBack(network: Pick<ClusterNetwork, 'handle'>, bulk: Pick<BulkTransport, 'connect'>): void {
  network.handle(method, async (from, payload, options) => {
    const value = decodeCbor(payload, 'bulk-dial')
    if (!isPlainMap(value) || !isReadableVersion(value.version)) throw malformed('bulk-dial', 'it has another form')
    const { address } = value
    if (typeof address !== 'string' || address.length > addressCharsMax)
      throw malformed('bulk-dial', 'its address is no text')
    await bulk.connect({ node: from, address }, options)
    return encodeCbor({ version: spokenVersion })
  })
}
