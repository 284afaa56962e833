/**
 * BulkTransport on Node's TLS: chunks over TLS 1.3 connections in which both sides have proved their node id and the cluster key.
 *
 * It stands behind the port that a native engine will take over. One thread encrypts and copies here, which limits it; what it
 * keeps right is who talks to whom, how much is under way, and that every wait ends.
 */
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { HoldfastError, isHoldfastError, type NodeId, TimeLimit } from '../../../common/index.ts'
import type { ClusterKey, ClusterKeyring, Identity } from '../../net/index.ts'
import type { AbortOptions, BulkPeer, BulkTransport, ChunkRequest, ChunkSink, ServeChunk } from '../../ports/index.ts'
import { type Clock, type Log, silentLog } from '../../system/index.ts'
import { BulkSession } from './bulk-session.ts'
import { makeCertificate } from './certificate.ts'
import { type BulkOptions, defaultBulkOptions } from './options.ts'
import { PeerLink } from './peer-link.ts'
import { Prover } from './proof.ts'
import { tlsOptions } from './tls.ts'

export interface BulkPorts {
  readonly identity: Identity
  readonly clusterKey: ClusterKey | ClusterKeyring
  /** A node whose connections are refused, in and out. */
  readonly isBanned?: (node: NodeId) => boolean
  readonly log?: Log
  readonly clock: Clock
  /** A connection from outside was refused: its address and why. */
  readonly onRefused?: (remote: string, reason: string) => void
}

export function createTlsBulkTransport(ports: BulkPorts, options: Partial<BulkOptions> = {}): BulkTransport {
  return new TlsBulkTransport(ports, { ...defaultBulkOptions, ...options })
}

class TlsBulkTransport implements BulkTransport {
  private readonly options: BulkOptions
  private readonly log: Log
  private readonly clock: Clock
  private readonly onRefused: (remote: string, reason: string) => void
  private readonly prover: Prover
  private readonly isBanned: (node: NodeId) => boolean
  private readonly links = new Map<string, { node: NodeId; link: PeerLink }>()
  private readonly sessions = new Set<BulkSession>()
  /** All inbound connections, those in the TLS handshake included: a stopping listener waits for each. */
  private readonly sockets = new Set<Socket>()
  private server: Server | null = null
  private served = 0
  private isStopped = false

  constructor(ports: BulkPorts, options: BulkOptions) {
    this.options = options
    this.log = ports.log ?? silentLog
    this.clock = ports.clock
    this.prover = new Prover(ports.identity, ports.clusterKey)
    this.isBanned = ports.isBanned ?? (() => false)
    this.onRefused = (remote, reason) => {
      this.log.warn({ remote, reason }, 'a bulk connection was refused')
      ports.onRefused?.(remote, reason)
    }
  }

  address(): string {
    const bound = this.server?.address() as AddressInfo | null | undefined
    if (bound === null || bound === undefined) throw new Error('the bulk transport has not started')
    const host = this.options.advertiseHost === '' ? this.options.host : this.options.advertiseHost
    return host.includes(':') ? `[${host}]:${bound.port}` : `${host}:${bound.port}`
  }

  async start(serve: ServeChunk): Promise<void> {
    const { handshakeTimeoutMs, host, port } = this.options
    const server = createServer({ ...tlsOptions, ...makeCertificate(), handshakeTimeout: handshakeTimeoutMs })
    server.maxConnections = this.options.inboundConnectionsMax
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
    server.on('secureConnection', (socket) => this.accept(socket, serve))
    server.on('tlsClientError', (error, socket) => {
      this.log.debug({ err: error }, 'a connection to the bulk port spoke no TLS')
      // After a handshake timeout Node only tells: a silent stranger would keep its connection for ever.
      socket.destroy()
    })
    server.on('drop', (data) => this.log.warn({ data }, 'the bulk port has too many connections'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(port, host, resolve)
    try {
      await promise
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new HoldfastError('BAD_CONFIG', `The bulk transport cannot listen on ${host}:${port}: ${why}.`, { cause })
    }
    server.off('error', reject)
    server.on('error', (error) => this.log.error({ err: error }, 'the bulk listener failed'))
    this.server = server
  }

  async stop(): Promise<void> {
    this.isStopped = true
    const stopping = new HoldfastError('SHUTTING_DOWN', 'This node is stopping.')
    for (const { link } of this.links.values()) link.close(stopping)
    this.links.clear()
    const { server } = this
    if (server === null) return
    this.server = null
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  async fetch(peer: BulkPeer, request: ChunkRequest, into: ChunkSink, options: AbortOptions = {}): Promise<boolean> {
    const isThere = await this.receive(peer, request, into, options)
    if (isThere) await into.end()
    return isThere
  }

  drop(node: NodeId): void {
    for (const [key, entry] of this.links) {
      if (entry.node !== node) continue
      this.links.delete(key)
      entry.link.close(new HoldfastError('PEER_UNREACHABLE', `The connections to ${node} were dropped.`))
    }
    for (const session of this.sessions) if (session.node === node) session.destroy()
  }

  private async receive(
    peer: BulkPeer,
    request: ChunkRequest,
    into: ChunkSink,
    options: AbortOptions,
  ): Promise<boolean> {
    const { node, address } = peer
    if (this.isStopped) throw new HoldfastError('SHUTTING_DOWN', 'This node is stopping.')
    if (this.isBanned(node)) throw new HoldfastError('PEER_BANNED', `${node} is banned on this node.`)
    const { sizeBytes, context } = request
    if (sizeBytes > this.options.chunkBytesMax) {
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `A chunk of ${sizeBytes} bytes exceeds the limit of ${this.options.chunkBytesMax}.`,
      )
    }
    using limit = new TimeLimit(this.clock, context.deadlineMs, options.signal)
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
    const link = new PeerLink({ node, ...parseAddress(node, address) }, this.prover, this.clock, this.options)
    this.links.set(key, { node, link })
    link.onUnused = () => {
      if (this.links.get(key)?.link === link) this.links.delete(key)
    }
    return link
  }

  private accept(socket: TLSSocket, serve: ServeChunk): void {
    const session = new BulkSession(
      socket,
      {
        prover: this.prover,
        clock: this.clock,
        isBanned: this.isBanned,
        serve,
        log: this.log,
        enter: () => {
          if (this.served >= this.options.servedMax) return false
          this.served++
          return true
        },
        leave: () => {
          this.served--
        },
        onRefused: this.onRefused,
      },
      this.options,
    )
    this.sessions.add(session)
    socket.once('close', () => this.sessions.delete(session))
  }
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
