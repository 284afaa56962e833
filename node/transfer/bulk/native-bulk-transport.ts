/**
 * BulkTransport on the native engine: chunks over TLS 1.3 connections in which both sides have proved their node id and the cluster key.
 *
 * The engine moves the bytes on threads of its own. What is decided here is who talks to whom, how much is under way, and that every wait
 * ends.
 */
import { lookup } from 'node:dns/promises'
import { HoldfastError, isHoldfastError, type NodeId, TimeLimit } from '../../../common/index.ts'
import type { Store } from '../../../native/index.ts'
import type { ClusterKey, ClusterKeyring, Identity } from '../../net/index.ts'
import type { AbortOptions, BulkPeer, BulkTransport, ChunkRequest, ChunkSink, ServeChunk } from '../../ports/index.ts'
import { FairPlaces } from '../../shares/index.ts'
import { type Clock, type Log, silentLog } from '../../system/index.ts'
import { BulkSession, type BulkSessionPorts } from './bulk-session.ts'
import { makeCertificate } from './certificate.ts'
import { type BulkConnection, BulkConnections, unreachable } from './connection.ts'
import { InboundSessions } from './inbound-sessions.ts'
import { openEitherWay } from './open-either-way.ts'
import { type BulkOptions, defaultBulkOptions } from './options.ts'
import { PeerLink } from './peer-link.ts'
import { Prover } from './proof.ts'

export interface BulkPorts {
  readonly identity: Identity
  readonly clusterKey: ClusterKey | ClusterKeyring
  /** Whose blobs are served in place; without one, only bytes can be. */
  readonly store?: Store
  /** Asks a node that cannot be reached to open a connection to `address`; without it, such nodes are not asked for chunks. */
  readonly askToDial?: (node: NodeId, address: string, signal: AbortSignal) => Promise<void>
  /** A node whose connections are refused, in and out. */
  readonly isBanned?: (node: NodeId) => boolean
  /** The node sends nothing of the chunks that were asked of it, for so long; 0: it does again. */
  readonly onSilent?: (node: NodeId, silentMs: number) => void
  readonly log?: Log
  readonly clock: Clock
  /** A connection from outside was refused: its address and why. */
  readonly onRefused?: (remote: string, reason: string) => void
}

export function createNativeBulkTransport(ports: BulkPorts, options: Partial<BulkOptions> = {}): BulkTransport {
  return new NativeBulkTransport(ports, { ...defaultBulkOptions, ...options })
}

/** Connections that the engine has accepted and this side has not heard of yet. */
const arrivingMax = 64

const servesNothing: ServeChunk = async () => null

class NativeBulkTransport implements BulkTransport {
  private readonly options: BulkOptions
  private readonly ports: BulkPorts
  private readonly links = new Map<string, { node: NodeId; link: PeerLink }>()
  private readonly inbound: InboundSessions
  /** Opened for peers that cannot reach this node. */
  private readonly lent = new Set<BulkSession>()
  private readonly sessionPorts: BulkSessionPorts
  private readonly onInbound = new Set<() => void>()
  private connections: BulkConnections | null = null
  private port: number | null = null
  private serve: ServeChunk = servesNothing
  private isStopped = false

  constructor(ports: BulkPorts, options: BulkOptions) {
    this.options = options
    this.ports = ports
    this.inbound = new InboundSessions(options)
    const { clock, log = silentLog, isBanned = () => false } = ports
    const served = new FairPlaces({
      placesMax: options.servedMax,
      perOwnerMax: options.servedPerPeerMax,
      perOwnerMin: options.servedPerPeerMin,
    })
    this.sessionPorts = {
      prover: new Prover(ports.identity, ports.clusterKey),
      clock,
      log,
      isBanned,
      serve: (from, request) => this.serve(from, request),
      enter: (node) => served.enter(node) === null,
      leave: (node) => served.leave(node),
      onRefused: (remote, reason) => {
        log.warn({ remote, reason }, 'a bulk connection was refused')
        ports.onRefused?.(remote, reason)
      },
    }
  }

  address(): string {
    if (this.port === null) throw new Error('the bulk transport has not started')
    const host = this.options.advertiseHost === '' ? this.options.host : this.options.advertiseHost
    return addressOf(host, this.port)
  }

  async start(serve: ServeChunk): Promise<void> {
    this.serve = serve
    const { host } = this.options
    const address = await addressOfHost(host).catch((cause: Error) => {
      throw new HoldfastError('BAD_CONFIG', `The bulk transport cannot listen on ${host}: ${cause.message}.`, { cause })
    })
    this.port = this.connected().engine.listen(address, this.options.port)
  }

  async stop(): Promise<void> {
    this.isStopped = true
    const stopping = new HoldfastError('SHUTTING_DOWN', 'This node is stopping.')
    for (const { link } of this.links.values()) link.close(stopping)
    this.links.clear()
    for (const session of [...this.inbound, ...this.lent]) session.close(stopping)
    await this.connections?.engine.stop()
  }

  async fetch(peer: BulkPeer, request: ChunkRequest, into: ChunkSink, options: AbortOptions = {}): Promise<boolean> {
    const isThere = await this.receive(peer, request, into, options)
    if (isThere && into.places === undefined) await into.end()
    return isThere
  }

  drop(node: NodeId): void {
    for (const [key, entry] of this.links) {
      if (entry.node !== node) continue
      this.links.delete(key)
      entry.link.close(new HoldfastError('PEER_UNREACHABLE', `The connections to ${node} were dropped.`))
    }
    const dropped = new HoldfastError('PEER_UNREACHABLE', `The connections to ${node} were dropped.`)
    for (const session of [...this.inbound, ...this.lent]) if (session.node === node) session.close(dropped)
  }

  private async receive(
    peer: BulkPeer,
    request: ChunkRequest,
    into: ChunkSink,
    options: AbortOptions,
  ): Promise<boolean> {
    const { node, address } = peer
    if (this.isStopped) throw new HoldfastError('SHUTTING_DOWN', 'This node is stopping.')
    if (this.sessionPorts.isBanned(node)) throw new HoldfastError('PEER_BANNED', `${node} is banned on this node.`)
    const { sizeBytes, context } = request
    if (sizeBytes > this.options.chunkBytesMax) {
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `A chunk of ${sizeBytes} bytes exceeds the limit of ${this.options.chunkBytesMax}.`,
      )
    }
    using limit = new TimeLimit(this.ports.clock, context.deadlineMs, options.signal)
    const { signal } = limit
    try {
      return await this.link(node, address).fetch(request, into, signal)
    } catch (error) {
      if (isHoldfastError(error) || !signal.aborted) throw error
      throw new HoldfastError('DEADLINE_EXCEEDED', `${node} did not send chunk ${request.chunk} in time.`, {
        details: { node, chunk: request.chunk },
        cause: error,
      })
    }
  }

  private link(node: NodeId, address: string): PeerLink {
    const key = `${node} ${address}`
    const known = this.links.get(key)
    if (known !== undefined) return known.link
    const target = parseAddress(node, address)
    const link = new PeerLink(
      {
        name: node,
        clock: this.ports.clock,
        open: () => this.open(node, target),
        inbound: () => this.inbound.askableOf(node),
        onSilent: (silentMs) => this.ports.onSilent?.(node, silentMs),
      },
      this.options,
    )
    this.links.set(key, { node, link })
    link.onUnused = () => {
      if (this.links.get(key)?.link === link) this.links.delete(key)
    }
    return link
  }

  async connect({ node, address }: BulkPeer, { signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    if (this.sessionPorts.isBanned(node)) throw new HoldfastError('PEER_BANNED', `${node} is banned on this node.`)
    if ([...this.lent].some((session) => session.node === node && session.isOpen)) return
    const session = await this.openDirectly(node, parseAddress(node, address))
    this.lent.add(session)
    session.onChange = () => {
      if (session.isEnded) this.lent.delete(session)
    }
  }

  /** Null: the peer has opened one, which is among those of inboundOf(). */
  private async open(node: NodeId, target: { host: string; port: number }): Promise<BulkSession | null> {
    const direct = this.openDirectly(node, target)
    const { askToDial } = this.ports
    if (askToDial === undefined) return await direct
    return await openEitherWay(this.ports.clock, direct, (signal) => this.dialledBy(node, askToDial, signal))
  }

  private async dialledBy(
    node: NodeId,
    askToDial: NonNullable<BulkPorts['askToDial']>,
    signal: AbortSignal,
  ): Promise<void> {
    using limit = new TimeLimit(this.ports.clock, this.options.handshakeTimeoutMs, signal)
    await askToDial(node, this.address(), limit.signal)
    // It answers when its side is ready; this side may hear of the proof a moment later.
    while (this.inbound.askableOf(node).length === 0) await this.nextInbound(limit.signal)
  }

  private nextInbound(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const end = (settle: () => void) => {
      this.onInbound.delete(onInbound)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onInbound = () => end(resolve)
    const onAbort = () => end(() => reject(signal.reason))
    this.onInbound.add(onInbound)
    signal.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  private async openDirectly(node: NodeId, { host, port }: { host: string; port: number }): Promise<BulkSession> {
    const remote = addressOf(host, port)
    const address = await addressOfHost(host).catch((cause: Error) => {
      throw unreachable(node, remote, `has a host that cannot be looked up: ${cause.message}`, cause)
    })
    if (this.isStopped) throw new HoldfastError('SHUTTING_DOWN', 'This node is stopping.')
    const connection = this.connected().connect(address, port)
    const session = new BulkSession(connection, this.sessionPorts, this.options, { remote, target: node })
    await session.whenReady()
    return session
  }

  /** The engine; made when the first connection is wanted. */
  private connected(): BulkConnections {
    this.connections ??= this.makeConnections()
    return this.connections
  }

  private makeConnections(): BulkConnections {
    const { cert, key } = makeCertificate()
    const { threadCount, nice, inboundConnectionsMax, handshakesMax } = this.options
    const { outBytesPerS, inBytesPerS, peerOutBytesPerS, peerInBytesPerS } = this.options
    return new BulkConnections(
      {
        certificate: cert,
        privateKey: key,
        threadCount,
        nice,
        // More than are kept: this side decides who gives way, and hears of each newcomer a moment after the engine has let it in.
        inboundConnectionsMax: inboundConnectionsMax + handshakesMax + arrivingMax,
        outBytesPerS,
        inBytesPerS,
        peerOutBytesPerS,
        peerInBytesPerS,
      },
      this.ports.store ?? null,
      (connection, remote) => this.accept(connection, remote),
    )
  }

  private accept(connection: BulkConnection, remote: string): void {
    const session = new BulkSession(connection, this.sessionPorts, this.options, { remote, target: null })
    if (this.isStopped) {
      session.close(new HoldfastError('SHUTTING_DOWN', 'This node is stopping.'))
      return
    }
    session.onChange = () => {
      this.inbound.changed(session)
      if (session.node === null) return
      for (const tell of [...this.onInbound]) tell()
      for (const { node, link } of this.links.values()) if (node === session.node) link.pump()
    }
    this.inbound.add(session, remote)
  }
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Numeric. */
async function addressOfHost(host: string): Promise<string> {
  return (await lookup(host)).address
}

/** host:port, with brackets around an IPv6 address. */
function parseAddress(node: NodeId, address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw new HoldfastError(
      'PEER_UNREACHABLE',
      `${node} announces the bulk address ${JSON.stringify(address)}, which is no host:port.`,
    )
  }
  return { host, port }
}
