/**
 * ClusterNetworks of one process, between which nothing is sent. They promise what the real one promises
 * (test/conformance/cluster-network.suite.ts) but discovery, membership and refusals, so tests of what stands above may use them in its
 * place. A test may also put peers there that are no networks, and answer for them.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../common/clock.ts'
import { HoldfastError, isHoldfastError } from '../../common/errors.ts'
import type { NodeId } from '../../common/types.ts'
import { CallActivity } from '../../node/net/call-activity.ts'
import type { AbortOptions, ClusterNetwork, ClusterNetworkEvents } from '../../node/ports/index.ts'
import { ManualClock } from './manual-clock.ts'

type Handler = Parameters<ClusterNetwork['handle']>[1]

/** The started networks by their ids. */
export type FakeHub = Map<NodeId, FakeNetwork>

export interface FakeNetworkOptions {
  readonly hub?: FakeHub
  /** Of idle times. */
  readonly clock?: Clock
}

interface OpenCall {
  readonly node: NodeId
  readonly end: (error: HoldfastError) => void
}

export class FakeNetwork implements ClusterNetwork {
  readonly self: NodeId
  readonly handlers = new Map<string, Handler>()
  readonly broadcasts: { topic: string; message: Uint8Array }[] = []
  readonly calls: { node: NodeId; method: string }[] = []
  readonly hungUp: NodeId[] = []
  readonly dialled: string[] = []
  /** What a test says of connected nodes; of the others the calls tell it. */
  readonly idle = new Map<NodeId, number>()
  connected: NodeId[] = []
  /** Answers calls to other nodes. */
  onCall: (node: NodeId, method: string, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>
  /** Answers dials with who is there. */
  onDial: (address: string) => Promise<NodeId>
  onPing: (node: NodeId) => Promise<number>
  private readonly hub: FakeHub
  private readonly activity: CallActivity
  private readonly open = new Set<OpenCall>()
  private readonly seen = new WeakSet<object>()
  private events: ClusterNetworkEvents | null = null

  constructor(self: NodeId = 'self', { hub = new Map(), clock = new ManualClock() }: FakeNetworkOptions = {}) {
    this.self = self
    this.hub = hub
    this.activity = new CallActivity(clock)
    this.onCall = (node, method, payload, options) => this.callHub(node, method, payload, options)
    this.onDial = async (address) => {
      const node = address.split('/p2p/')[1] ?? ''
      if (!this.hub.has(node)) throw unreachable(address)
      return node
    }
    this.onPing = async (node) => {
      if (!this.connected.includes(node)) throw unreachable(node)
      return 1
    }
  }

  addresses(): string[] {
    return [`/ip4/127.0.0.1/tcp/1/p2p/${this.self}`]
  }

  async start(events: ClusterNetworkEvents): Promise<void> {
    this.events = events
    this.hub.set(this.self, this)
  }

  async stop(): Promise<void> {
    this.hub.delete(this.self)
    for (const node of [...this.connected]) this.disconnect(node)
  }

  peers(): NodeId[] {
    return this.connected
  }

  async dial(address: string): Promise<NodeId> {
    this.dialled.push(address)
    const node = await this.onDial(address)
    if (this.connected.includes(node)) return node
    this.add(node)
    this.hub.get(node)?.add(this.self)
    return node
  }

  async hangUp(node: NodeId): Promise<void> {
    this.hungUp.push(node)
    this.disconnect(node)
  }

  idleMs(node: NodeId): number {
    return this.idle.get(node) ?? this.activity.idleMs(node)
  }

  async broadcast(topic: string, message: Uint8Array): Promise<void> {
    this.broadcasts.push({ topic, message })
    const news = { topic, message: Uint8Array.from(message) }
    this.seen.add(news)
    this.relay(news, this.self)
  }

  async call(node: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    this.calls.push({ node, method })
    return this.onCall(node, method, payload, options)
  }

  handle(method: string, handler: Handler): void {
    this.handlers.set(method, handler)
  }

  /** As a peer would call this node. */
  async receive(from: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    const handler = this.handlers.get(method)
    if (handler === undefined) throw new HoldfastError('PEER_PROTOCOL', `There is no call ${method}.`)
    const end = this.activity.begin(from)
    try {
      return await handler(from, payload, options)
    } catch (error) {
      throw isHoldfastError(error) ? error : new HoldfastError('PEER_PROTOCOL', `The call ${method} has failed.`)
    } finally {
      end()
    }
  }

  async ping(node: NodeId, { signal }: AbortOptions = {}): Promise<number> {
    if (signal?.aborted) throw new HoldfastError('DEADLINE_EXCEEDED', `${node} does not answer a ping.`)
    return this.onPing(node)
  }

  /** Anybody could make it; it serves to find what was signed by another, or is something else. */
  sign(bytes: Uint8Array): Uint8Array {
    return signatureOf(this.self, bytes)
  }

  verify(node: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean {
    return signatureOf(node, bytes).equals(signature)
  }

  private async callHub(
    node: NodeId,
    method: string,
    payload: Uint8Array,
    { signal }: AbortOptions,
  ): Promise<Uint8Array> {
    const peer = this.hub.get(node)
    if (peer === undefined || !this.connected.includes(node)) throw unreachable(node)
    const gone = new AbortController()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const call: OpenCall = {
      node,
      end: (error) => {
        gone.abort(error)
        reject(error)
      },
    }
    const onAbort = () => call.end(new HoldfastError('DEADLINE_EXCEEDED', `${node} did not answer in time.`))
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    this.open.add(call)
    const end = this.activity.begin(node)
    const answer = peer.receive(this.self, method, Uint8Array.from(payload), { signal: gone.signal })
    answer.then((bytes) => resolve(Uint8Array.from(bytes)), reject)
    try {
      return await promise
    } finally {
      end()
      this.open.delete(call)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  private add(node: NodeId): void {
    if (this.connected.includes(node)) return
    this.connected = [...this.connected, node]
    this.activity.connected(node)
    this.events?.onPeerUp(node)
  }

  private disconnect(node: NodeId): void {
    this.remove(node)
    this.hub.get(node)?.remove(this.self)
  }

  private remove(node: NodeId): void {
    if (!this.connected.includes(node)) return
    this.connected = this.connected.filter((other) => other !== node)
    this.activity.disconnected(node)
    for (const call of this.open) if (call.node === node) call.end(unreachable(node))
    this.events?.onPeerDown(node)
  }

  private relay(news: News, from: NodeId): void {
    for (const node of this.connected) {
      if (node !== from) setImmediate(() => this.hub.get(node)?.hear(news, this.self))
    }
  }

  private hear(news: News, from: NodeId): void {
    if (this.seen.has(news) || !this.connected.includes(from)) return
    this.seen.add(news)
    if (this.events?.onMessage(news.topic, from, news.message)) this.relay(news, from)
  }
}

interface News {
  readonly topic: string
  readonly message: Uint8Array
}

const signatureOf = (node: NodeId, bytes: Uint8Array): Buffer =>
  createHash('sha256').update(`${node} `).update(bytes).digest()

const unreachable = (node: string): HoldfastError => new HoldfastError('PEER_UNREACHABLE', `${node} is not there.`)
