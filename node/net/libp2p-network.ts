/**
 * ClusterNetwork on libp2p 3: TCP, Noise with admission by the cluster key, yamux, identify, ping, gossipsub.
 *
 * Every peer it tells about holds the cluster key and has proved its node id. What peers send is judged before it is relayed; a
 * peer that keeps sending malformed messages is cut off for a while. No input from outside makes a method of this class throw
 * into libp2p, and errors of background work are logged and counted.
 */
import { randomInt } from 'node:crypto'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { HoldfastError, type NodeId, type RandomInt } from '../../common/index.ts'
import { entryKinds } from '../../core/index.ts'
import type { AbortOptions, ClusterNetwork, ClusterNetworkEvents } from '../ports/index.ts'
import { type Clock, type Log, silentLog } from '../system/index.ts'
import type { Refusal } from './admission.ts'
import { Bootstrap, type BootstrapOptions, defaultBootstrapOptions } from './bootstrap.ts'
import type { ClusterKey } from './cluster-key.ts'
import { ClusterKeyring } from './cluster-keyring.ts'
import { dialError, parseAddress, peerOf, sameEndpoint, textOf } from './dial.ts'
import { defaultGossipOptions, Gossip, type GossipOptions } from './gossip.ts'
import type { Identity } from './identity.ts'
import { createHost, defaultHostOptions, type Host, type HostOptions } from './libp2p-options.ts'
import { verifyByNode } from './node-id.ts'
import { PeerBlocks } from './peer-blocks.ts'
import { RateMeter } from './rate-meter.ts'
import { defaultRpcOptions, Rpc, type RpcOptions } from './rpc.ts'

export interface NetworkOptions {
  readonly host: Partial<HostOptions>
  readonly bootstrap: Partial<BootstrapOptions>
  readonly gossip: Partial<GossipOptions>
  readonly rpc: Partial<RpcOptions>
  /** Malformed messages that one neighbour may pass on per window; two versions or a bug may cause a few. */
  readonly malformedMax: number
  readonly malformedWindowMs: number
  /** How long a neighbour that passed that limit stays cut off. */
  readonly blockMs: number
  /** A node found by mDNS whose dial failed is not dialled again for this long: another cluster may share the network. */
  readonly discoveryRetryMs: number
}

export const defaultNetworkOptions: NetworkOptions = {
  host: {},
  bootstrap: {},
  gossip: {},
  rpc: {},
  malformedMax: 16,
  malformedWindowMs: 10_000,
  blockMs: 60_000,
  discoveryRetryMs: 60_000,
}

export interface NetworkPorts {
  readonly identity: Identity
  readonly clusterKey: ClusterKey | ClusterKeyring
  readonly log?: Log
  readonly clock: Clock
  readonly randomInt?: RandomInt
}

export async function createLibp2pNetwork(
  ports: NetworkPorts,
  options: Partial<NetworkOptions> = {},
): Promise<Libp2pNetwork> {
  const resolved = { ...defaultNetworkOptions, ...options }
  const log = ports.log ?? silentLog
  const { clock } = ports
  const blocks = new PeerBlocks(clock)
  const refusals = new Set<(refusal: Refusal) => void>()
  const gossipOptions = { ...defaultGossipOptions, ...resolved.gossip }
  const host = await createHost(
    {
      identity: ports.identity,
      keyring: ClusterKeyring.of(ports.clusterKey),
      clock,
      gater: blocks.gater(),
      onRefusal: (refusal) => {
        for (const listener of refusals) listener(refusal)
      },
    },
    { ...defaultHostOptions, ...resolved.host },
    gossipOptions,
    entryKinds,
  )
  return new Libp2pNetwork(
    {
      identity: ports.identity,
      host,
      blocks,
      refusals,
      gossip: new Gossip(host.services.gossip, gossipOptions, entryKinds, log),
      rpc: new Rpc(host, { ...defaultRpcOptions, ...resolved.rpc }, { log, clock }),
      log,
      clock,
      randomInt: ports.randomInt ?? randomInt,
    },
    resolved,
  )
}

interface Parts {
  readonly identity: Identity
  readonly host: Host
  readonly blocks: PeerBlocks
  readonly refusals: Set<(refusal: Refusal) => void>
  readonly gossip: Gossip
  readonly rpc: Rpc
  readonly log: Log
  readonly clock: Clock
  readonly randomInt: RandomInt
}

export class Libp2pNetwork implements ClusterNetwork {
  readonly self: NodeId
  /** Errors of background work so far; each one is in the log. */
  backgroundErrors = 0
  private readonly parts: Parts
  private readonly options: NetworkOptions
  private readonly malformed: RateMeter
  private readonly bootstrap: Bootstrap
  /** Nodes found by mDNS that we could not dial; they may still dial us. */
  private readonly undiallable: PeerBlocks
  private events: ClusterNetworkEvents | null = null

  constructor(parts: Parts, options: NetworkOptions) {
    this.parts = parts
    this.options = options
    this.self = parts.identity.node
    this.undiallable = new PeerBlocks(parts.clock)
    this.malformed = new RateMeter({ eventsMax: options.malformedMax, windowMs: options.malformedWindowMs })
    this.bootstrap = new Bootstrap(
      {
        dial: (address) => this.dial(address),
        isConnected: (node) => this.peers().includes(node),
        isMember: (node) => this.isMember(node),
        clock: parts.clock,
        randomInt: parts.randomInt,
        log: parts.log,
      },
      { ...defaultBootstrapOptions, ...options.bootstrap },
    )
  }

  addresses(): string[] {
    return this.parts.host.getMultiaddrs().map(String)
  }

  async start(events: ClusterNetworkEvents): Promise<void> {
    this.events = events
    const { host, gossip, rpc, refusals } = this.parts
    refusals.add((refusal) => this.emit(() => events.onRefused(refusal.remote, refusal.reason)))
    host.addEventListener('peer:connect', (event) => this.onConnect(event.detail.toString()))
    host.addEventListener('peer:disconnect', (event) => this.onDisconnect(event.detail.toString()))
    host.addEventListener('peer:discovery', (event) => this.onDiscovery(event.detail.id))
    gossip.judgeWith((topic, from, message) => this.judge(topic, from, message))
    try {
      await host.start()
      gossip.subscribe()
      await rpc.start()
    } catch (cause) {
      await host.stop()
      throw new HoldfastError(
        'BAD_CONFIG',
        `The cluster network cannot listen; check cluster.listen: ${textOf(cause)}`,
        { cause },
      )
    }
    this.bootstrap.start()
  }

  async stop(): Promise<void> {
    this.bootstrap.stop()
    this.parts.rpc.stop()
    await this.parts.host.stop()
  }

  peers(): NodeId[] {
    return this.parts.host.getPeers().map(String)
  }

  async dial(address: string, options: AbortOptions = {}): Promise<NodeId> {
    const target = parseAddress(address)
    const refused: Refusal[] = []
    const watch = (refusal: Refusal) => refused.push(refusal)
    this.parts.refusals.add(watch)
    try {
      const connection = await this.parts.host.dial(target, { ...options })
      return connection.remotePeer.toString()
    } catch (error) {
      const refusal = refused.find(({ direction, remote }) => direction === 'outbound' && sameEndpoint(remote, target))
      throw dialError(error, address, refusal, options.signal)
    } finally {
      this.parts.refusals.delete(watch)
    }
  }

  /** From now on no connection to or from that node; ends those that are open. */
  async ban(node: NodeId): Promise<void> {
    this.parts.blocks.block(node, Number.POSITIVE_INFINITY)
    await this.hangUp(node)
  }

  unban(node: NodeId): void {
    this.parts.blocks.unblock(node)
  }

  async hangUp(node: NodeId): Promise<void> {
    await this.parts.host.hangUp(peerOf(node))
  }

  idleMs(node: NodeId): number {
    return this.parts.rpc.activity.idleMs(node)
  }

  async broadcast(topic: string, message: Uint8Array): Promise<void> {
    await this.parts.gossip.publish(topic, message)
  }

  async call(node: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    return await this.parts.rpc.call(peerOf(node), method, payload, options)
  }

  handle(
    method: string,
    handler: (from: NodeId, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>,
  ): void {
    this.parts.rpc.handle(method, handler)
  }

  async ping(node: NodeId, options: AbortOptions = {}): Promise<number> {
    return await this.parts.rpc.ping(peerOf(node), options)
  }

  sign(bytes: Uint8Array): Uint8Array {
    return this.parts.identity.sign(bytes)
  }

  verify(node: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean {
    return verifyByNode(node, bytes, signature)
  }

  /** Resolves when that neighbour listens to the topic: gossip sent from now on reaches it. */
  async whenSubscribedBy(node: NodeId, topic: string, options: AbortOptions = {}): Promise<void> {
    const { gossip } = this.parts
    if (gossip.subscribers(topic).includes(node)) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => reject(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const unsubscribe = gossip.onSubscription(() => {
      if (gossip.subscribers(topic).includes(node)) resolve()
    })
    try {
      await promise
    } finally {
      unsubscribe()
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  private judge(topic: string, from: NodeId, message: Uint8Array): boolean {
    if (this.events?.onMessage(topic, from, message) === true) return true
    const { blocks, clock, host, log } = this.parts
    log.debug({ topic, from }, 'malformed gossip is not relayed')
    if (this.malformed.note(from, clock.nowMs()) && !blocks.isBlocked(from)) {
      const reason = `too many malformed messages: cut off for ${this.options.blockMs} ms`
      blocks.block(from, this.options.blockMs)
      log.warn({ from }, reason)
      this.emit(() => this.events?.onRefused(from, reason))
      this.inBackground('hang up on a blocked peer', host.hangUp(peerIdFromString(from)))
    }
    return false
  }

  private onConnect(node: NodeId): void {
    this.parts.rpc.activity.connected(node)
    this.emit(() => this.events?.onPeerUp(node))
  }

  private onDisconnect(node: NodeId): void {
    this.parts.rpc.activity.disconnected(node)
    this.emit(() => this.events?.onPeerDown(node))
    this.bootstrap.onPeerDown(node)
  }

  /** libp2p has put the addresses into its peer store; dialling the id uses them. */
  private onDiscovery(peer: PeerId): void {
    const { host, log } = this.parts
    const node = peer.toString()
    if (host.getConnections(peer).length > 0 || this.undiallable.isBlocked(node) || this.isMember(node)) return
    host.dial(peer).catch((error: unknown) => {
      log.info({ err: error, node }, 'a node found on the local network was not reached')
      this.undiallable.block(node, this.options.discoveryRetryMs)
    })
  }

  /** A node that is connected with nobody believes nothing that it has heard before. */
  private isMember(node: NodeId): boolean {
    return this.peers().length > 0 && this.events?.isMember(node) === true
  }

  /** Calls into the daemon; what it throws must not end in libp2p's event dispatch. */
  private emit(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.backgroundErrors++
      this.parts.log.error({ err: error }, 'a network event was not handled')
    }
  }

  private inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.backgroundErrors++
      this.parts.log.error({ err: error }, `failed to ${what}`)
    })
  }
}
