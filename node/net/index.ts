export { ownerOfHost } from './address-owner.ts'
export { decodeCbor, encodeCbor, isBytes, isCount, isPlainMap, malformed } from './cbor.ts'
export { ClusterKey } from './cluster-key.ts'
export { ClusterKeyring, clusterKeysMax, parseClusterKeys, readClusterKeys } from './cluster-keyring.ts'
export {
  createEntrySigner,
  decodeEntries,
  defaultEnvelopeLimits,
  type EnvelopeLimits,
  encodeEntries,
  openEnvelope,
} from './entry-codec.ts'
export { Identity, identityFileName, loadIdentity } from './identity.ts'
export {
  createLibp2pNetwork,
  defaultNetworkOptions,
  type Libp2pNetwork,
  type NetworkOptions,
  type NetworkPorts,
} from './libp2p-network.ts'
export { type ClusterKeyOptions, loadClusterKeys } from './load-cluster-key.ts'
export { nodeOfPublicKey, publicKeyBytes, publicKeyOfNode, signatureBytes, verifyByNode } from './node-id.ts'
export { decodeProgress, encodeProgress } from './progress-codec.ts'
export {
  decodeVersionSummary,
  defaultVersionSummaryLimits,
  encodeVersionSummary,
  type VersionSummary,
  type VersionSummaryLimits,
} from './version-summary-codec.ts'
