/** How libp2p is set up for Holdfast. Vendor types end here and in the classes that use them; the port shows none. */
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, StreamMuxerFactory } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { defaultFailurePace, type FailurePaceOptions } from '../shares/index.ts'
import type { Clock } from '../system/index.ts'
import { type AdmissionOptions, admission, followKeyring, type Refusal } from './admission.ts'
import type { ClusterKeyring } from './cluster-keyring.ts'
import { type GossipOptions, gossipService } from './gossip.ts'
import type { Identity } from './identity.ts'
import { boundHandshakes } from './pending-handshakes.ts'
import { type GuardedUpgrader, guardConnections, guardStreams } from './selection-guard.ts'

export interface HostOptions {
  /** libp2p multiaddrs to listen on; port 0 takes a free one. */
  readonly listen: readonly string[]
  /** Addresses to give to others in place of those listened on: behind NAT, or in a container. */
  readonly announce: readonly string[]
  /** Find nodes of the local network by mDNS. */
  readonly mdns: boolean
  /** Connections of all peers together. */
  readonly connectionsMax: number
  /** Handshakes from others under way at one time: what strangers without the key can hold open. The next one displaces another. */
  readonly handshakesMax: number
  /** Of one address. */
  readonly handshakesPerAddressMax: number
  /** How often an address may fail at its handshakes before it has to wait for the next one. */
  readonly failedHandshakes: FailurePaceOptions
  /** New connections per second from one address. libp2p's 5 would refuse a rack of nodes behind one address. */
  readonly inboundPerSecondMax: number
  readonly dialTimeoutMs: number
  /** A handshake that takes longer is cut off. */
  readonly handshakeTimeoutMs: number
  /** See admission.ts. */
  readonly refusalLingerMs: number
  /** How often an idle connection is tested; a peer that vanished without closing is noticed after this and the ping's timeout. */
  readonly livenessPeriodMs: number
}

export const defaultHostOptions: HostOptions = {
  listen: ['/ip4/127.0.0.1/tcp/0'],
  announce: [],
  mdns: false,
  connectionsMax: 1024,
  handshakesMax: 1024,
  handshakesPerAddressMax: 768,
  failedHandshakes: defaultFailurePace,
  inboundPerSecondMax: 512,
  dialTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  refusalLingerMs: 1_000,
  livenessPeriodMs: 10_000,
}

export interface HostPorts {
  readonly identity: Identity
  readonly keyring: ClusterKeyring
  readonly clock: Clock
  readonly gater: ConnectionGater
  readonly onRefusal: (refusal: Refusal) => void
}

export type Host = Awaited<ReturnType<typeof createHost>>

/** Of one connection, each way: one test, one measurement, and those of a moment ago that are still being closed. */
const pingStreamsMax = 16
const mdnsServiceTag = '_holdfast._udp.local'

/** The components that libp2p gives to each of its parts. */
interface Registered {
  readonly registrar: { getProtocols(): string[] }
}

function guardedYamux(components: unknown): StreamMuxerFactory {
  const factory: StreamMuxerFactory = yamux()()
  const create = factory.createStreamMuxer.bind(factory)
  const protocols = () => (components as Registered).registrar.getProtocols()
  factory.createStreamMuxer = (connection) => guardStreams(create(connection), protocols)
  return factory
}

/** A host that is not started yet. */
export function createHost(ports: HostPorts, options: HostOptions, gossip: GossipOptions, topics: readonly string[]) {
  const { clock, onRefusal } = ports
  const admissionOptions: AdmissionOptions = { clock, lingerMs: options.refusalLingerMs, onRefusal }
  return createLibp2p({
    start: false,
    privateKey: ports.identity.privateKey,
    addresses: { listen: [...options.listen], announce: [...options.announce] },
    transports: [tcp()],
    connectionEncrypters: admission(ports.keyring, admissionOptions),
    streamMuxers: [guardedYamux],
    connectionGater: boundHandshakes(
      ports.gater,
      clock,
      { connectionsMax: options.handshakesMax, perOwnerMax: options.handshakesPerAddressMax },
      options.failedHandshakes,
    ),
    connectionManager: {
      maxConnections: options.connectionsMax,
      // Whether they are too many is decided by the gater, which never refuses the newcomer.
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
      inboundConnectionThreshold: options.inboundPerSecondMax,
      dialTimeout: options.dialTimeoutMs,
      // We dial one address at a time: it may take all of the dial.
      addressDialTimeout: options.dialTimeoutMs,
      inboundUpgradeTimeout: options.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: options.handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: options.handshakeTimeoutMs,
    },
    connectionMonitor: { pingInterval: options.livenessPeriodMs },
    peerDiscovery: options.mdns ? [mdns({ serviceTag: mdnsServiceTag })] : [],
    services: {
      // Gossip and calls begin when both ends know each other's protocols.
      identify: identify({ timeout: options.handshakeTimeoutMs }),
      // libp2p's own test of a connection and our measurement of the round trip overlap wherever there is distance. Beyond the
      // limit the test fails, and with it the connection.
      ping: ping({ maxOutboundStreams: pingStreamsMax, maxInboundStreams: pingStreamsMax }),
      gossip: gossipService(gossip, topics),
      keys: (components: Parameters<typeof followKeyring>[0]) => {
        guardConnections(components.upgrader as unknown as GuardedUpgrader)
        followKeyring(components, ports.keyring, admissionOptions)
        return {}
      },
    },
  })
}
