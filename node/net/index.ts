export { type BulkOptions, type BulkPorts, createTlsBulkTransport, defaultBulkOptions } from '../transfer/bulk/index.ts'
export { ClusterKey } from './cluster-key.ts'
export { ClusterKeyring, parseClusterKeys, readClusterKeys } from './cluster-keyring.ts'
export {
  createSeal,
  decodeEntries,
  defaultEnvelopeLimits,
  type EnvelopeLimits,
  encodeEntries,
  openEnvelope,
} from './entry-codec.ts'
export { Identity, loadIdentity } from './identity.ts'
export {
  createLibp2pNetwork,
  defaultNetworkOptions,
  type Libp2pNetwork,
  type NetworkOptions,
  type NetworkPorts,
} from './libp2p-network.ts'
export {
  type Digest,
  type DigestLimits,
  decodeDigest,
  defaultDigestLimits,
  encodeDigest,
} from './version-summary-codec.ts'
