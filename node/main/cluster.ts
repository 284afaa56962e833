/** The node in its cluster: identity, network, bulk transport, and the protocol core with its driver. Starts nothing. */
import { createHash } from 'node:crypto'
import { getHeapStatistics } from 'node:v8'
import { createPrng, type NodeId } from '../../common/index.ts'
import {
  defaultNodeCoreOptions,
  type HolderView,
  NodeCore,
  nearestHolders,
  nearestPeers,
  weightIn,
} from '../../core/index.ts'
import { RateDemand } from '../../placement/index.ts'
import { BanList } from '../admin/index.ts'
import { ConnectionManager, CoreDriver, nextEpoch } from '../cluster/index.ts'
import { bulkHostOf, listenAddressesOf, type NodeOptions } from '../config/index.ts'
import {
  ClusterKeyring,
  createEntrySigner,
  createLibp2pNetwork,
  decodeEntries,
  decodeProgress,
  decodeVersionSummary,
  encodeEntries,
  encodeProgress,
  encodeVersionSummary,
  loadClusterKeys,
  loadIdentity,
} from '../net/index.ts'
import type { BulkTransport } from '../ports/index.ts'
import { askToDial, createNativeBulkTransport } from '../transfer/index.ts'
import type { Base } from './base.ts'
import type { OpenStore } from './store.ts'

type Network = Awaited<ReturnType<typeof createLibp2pNetwork>>

export interface Cluster {
  readonly clusterKey: ClusterKeyring
  readonly network: Network
  readonly bans: BanList
  readonly bulk: BulkTransport
  readonly demand: RateDemand
  readonly core: NodeCore
  readonly mesh: ConnectionManager
  readonly driver: CoreDriver
  /** Holders of a model that may be used now, nearest first. */
  usableHolders(model: string): HolderView[]
  /** Connected nodes that may be used now, nearest first. */
  nearestPeers(): NodeId[]
}

export async function createCluster(
  { options, paths, state, clock, log }: Base,
  { store }: OpenStore,
): Promise<Cluster> {
  const identity = await loadIdentity(paths.identityPath)
  const clusterKey = new ClusterKeyring(await loadClusterKeys(options, paths.dataPath))
  const network = await createLibp2pNetwork({ identity, clusterKey, log, clock }, networkOptions(options))
  const bans = new BanList({ self: network.self, state, clock })
  const bulk = createNativeBulkTransport(
    {
      identity,
      clusterKey,
      clock,
      log,
      store,
      isBanned: (node) => bans.has(node),
      onSilent: (node, silentMs) => driver.dispatch({ kind: 'source-silent', node, silentMs }),
      askToDial: (node, address, signal) => askToDial(network, node, address, { signal }),
    },
    {
      host: bulkHostOf(options),
      port: options['cluster.bulkPort'],
      advertiseHost: options['cluster.advertiseHost'],
      inboundConnectionsMax: options['cluster.bulkConnectionsMax'],
      handshakesMax: options['cluster.handshakesMax'],
      handshakesPerAddressMax: options['cluster.handshakesPerAddressMax'],
      servedMax: options['cluster.bulkServedMax'],
      outBytesPerS: options['cluster.bulkOutBytesPerS'],
      inBytesPerS: options['cluster.bulkInBytesPerS'],
      peerOutBytesPerS: options['cluster.bulkPeerOutBytesPerS'],
      peerInBytesPerS: options['cluster.bulkPeerInBytesPerS'],
      nice: options['cluster.bulkNice'],
      weightOf: (tenant) => weightIn(core.tenantRecords, tenant),
    },
  )
  const demand = new RateDemand()
  const core = new NodeCore(
    {
      self: network.self,
      epoch: await nextEpoch(state, clock),
      sign: createEntrySigner(network),
      random: createPrng(seedOf(network.self)),
      demand,
    },
    // The store reads verified chunks of open fills.
    {
      ...defaultNodeCoreOptions,
      sharesPartialModels: true,
      ledger: { ...defaultNodeCoreOptions.ledger, bytesMax: ledgerBytesOf(options['cluster.ledgerBytes']) },
      site: { ...defaultNodeCoreOptions.site, siteInBytesPerS: options['cluster.siteInBytesPerS'] },
    },
  )
  const codec = {
    encodeEntries,
    decodeEntries,
    encodeVersionSummary,
    decodeVersionSummary,
    encodeProgress,
    decodeProgress,
  }
  const mesh = new ConnectionManager({ core, network, clock, log })
  const driver = new CoreDriver({ core, network, codec, mesh, clock, log })

  return {
    clusterKey,
    network,
    bans,
    bulk,
    demand,
    core,
    mesh,
    driver,
    usableHolders: (model) => nearestHolders(core, model, clock.nowMs()),
    nearestPeers: () => nearestPeers(core, clock.nowMs()),
  }
}

function networkOptions(options: NodeOptions): Parameters<typeof createLibp2pNetwork>[1] {
  return {
    host: {
      listen: listenAddressesOf(options),
      mdns: options['cluster.mdns'],
      connectionsMax: options['cluster.connectionsMax'],
      handshakesMax: options['cluster.handshakesMax'],
      handshakesPerAddressMax: options['cluster.handshakesPerAddressMax'],
    },
    bootstrap: { addresses: options['cluster.bootstrap'] },
    // A forwarded request and its answer travel as calls, tensors as bytes; text of two characters may be a number of eight bytes.
    rpc: {
      requestBytes: callBytes(Math.max(options['http.bodyLimitBytes'], 8 * options['inference.elementsMax'])),
      answerBytes: callBytes(options['http.answerLimitBytes']),
      inboundBytesMax: options['cluster.callBytesMax'],
    },
  }
}

/** An entry takes about five times its bytes as objects, and a small heap must hold all of them. */
function ledgerBytesOf(limitBytes: number): number {
  return Math.min(limitBytes, Math.floor(getHeapStatistics().heap_size_limit / 16))
}

/** Names and shapes come on top of tensors; a frame's length has 28 bits. */
function callBytes(tensorBytes: number): number {
  return Math.min(tensorBytes + 2 ** 20, 2 ** 28 - 2 ** 16)
}

/** Different on every node, so that random choices of different nodes are independent. */
export function seedOf(node: NodeId): number {
  return createHash('sha256').update(node).digest().readUInt32LE(0)
}
