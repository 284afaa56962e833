/** A ClusterNetwork with nobody behind it but what a test puts there. */
import { createHash } from 'node:crypto'
import { HoldfastError } from '../../common/errors.ts'
import type { NodeId } from '../../common/types.ts'
import type { AbortOptions, ClusterNetwork, ClusterNetworkEvents } from '../../node/ports/index.ts'

type Handler = (from: NodeId, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>

export class FakeNetwork implements ClusterNetwork {
  readonly self: NodeId
  readonly handlers = new Map<string, Handler>()
  readonly broadcasts: { topic: string; message: Uint8Array }[] = []
  readonly calls: { node: NodeId; method: string }[] = []
  readonly hungUp: NodeId[] = []
  readonly dialled: string[] = []
  /** Of connected nodes; the others carry calls now. */
  readonly idle = new Map<NodeId, number>()
  connected: NodeId[] = []
  /** Answers calls to other nodes. */
  onCall: (node: NodeId, method: string, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array> = async (
    node,
  ) => {
    throw new HoldfastError('PEER_UNREACHABLE', `${node} is not there.`)
  }
  /** Answers dials with who is there. */
  onDial: (address: string) => Promise<NodeId> = async () => {
    throw new HoldfastError('PEER_UNREACHABLE', 'nobody is there.')
  }
  onPing: (node: NodeId) => Promise<number> = async () => 1

  constructor(self: NodeId = 'self') {
    this.self = self
  }

  addresses(): string[] {
    return ['/ip4/127.0.0.1/tcp/1']
  }

  async start(_events: ClusterNetworkEvents): Promise<void> {}
  async stop(): Promise<void> {}

  peers(): NodeId[] {
    return this.connected
  }

  async dial(address: string): Promise<NodeId> {
    this.dialled.push(address)
    const node = await this.onDial(address)
    if (!this.connected.includes(node)) this.connected = [...this.connected, node]
    return node
  }

  async hangUp(node: NodeId): Promise<void> {
    this.hungUp.push(node)
    this.connected = this.connected.filter((other) => other !== node)
  }

  idleMs(node: NodeId): number {
    return this.idle.get(node) ?? 0
  }

  async broadcast(topic: string, message: Uint8Array): Promise<void> {
    this.broadcasts.push({ topic, message })
  }

  async call(node: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    this.calls.push({ node, method })
    return this.onCall(node, method, payload, options)
  }

  handle(method: string, handler: Handler): void {
    this.handlers.set(method, handler)
  }

  /** As a peer would call this node. */
  receive(from: NodeId, method: string, payload: Uint8Array, options: AbortOptions = {}): Promise<Uint8Array> {
    return this.handlers.get(method)!(from, payload, options)
  }

  ping(node: NodeId): Promise<number> {
    return this.onPing(node)
  }

  sign(bytes: Uint8Array): Uint8Array {
    return createHash('sha256').update(this.self).update(bytes).digest()
  }

  verify(): boolean {
    return true
  }
}
