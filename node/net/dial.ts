/** Addresses and node ids from outside, and what a failed dial means to the caller. */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { HoldfastError, type NodeId } from '../../common/index.ts'
import type { Refusal } from './admission.ts'

/** PEER_UNREACHABLE for what is no node id. */
export function peerOf(node: NodeId): PeerId {
  try {
    return peerIdFromString(node)
  } catch (cause) {
    throw new HoldfastError('PEER_UNREACHABLE', `${node} is no node id.`, { cause })
  }
}

/** BAD_CONFIG for what is no multiaddr. */
export function parseAddress(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch (cause) {
    throw new HoldfastError('BAD_CONFIG', `${address} is no multiaddr; write it as /ip4/10.0.0.5/tcp/4001.`, { cause })
  }
}

/** True when a connection's remote address is the one that was dialled, with or without the node id behind it. */
export function sameEndpoint(remote: string, target: Multiaddr): boolean {
  const bare = (text: string) => text.replace(/\/p2p\/.*$/, '')
  return bare(remote) === bare(target.toString())
}

/** `refusal` is what admission said about this dial, if it came that far. */
export function dialError(
  error: unknown,
  address: string,
  refusal: Refusal | undefined,
  signal?: AbortSignal,
): HoldfastError {
  const details = { address }
  if (refusal?.cause === 'key') {
    return new HoldfastError('WRONG_CLUSTER_KEY', `${address}: ${refusal.reason}.`, { details, cause: error })
  }
  if (refusal?.cause === 'identity') {
    return new HoldfastError('PEER_PROTOCOL', `${address}: ${refusal.reason}.`, { details, cause: error })
  }
  const code = signal?.aborted ? 'DEADLINE_EXCEEDED' : 'PEER_UNREACHABLE'
  return new HoldfastError(code, `${address} was not reached: ${textOf(error)}`, { details, cause: error })
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
