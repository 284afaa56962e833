/**
 * Bulk transports of one process, between which nothing is sent. They promise what the real one promises
 * (test/conformance/bulk-transport.suite.ts), so tests of what stands above may use them in its place.
 */
import type { Clock } from '../../common/clock.ts'
import { HoldfastError, isHoldfastError } from '../../common/errors.ts'
import { TimeLimit } from '../../common/index.ts'
import type { NodeId } from '../../common/types.ts'
import type {
  AbortOptions,
  BulkPeer,
  BulkTransport,
  ChunkRequest,
  ChunkSink,
  ServeChunk,
} from '../../node/ports/index.ts'
import { ManualClock } from './manual-clock.ts'

/** The listeners by address. */
export type MemoryBulkNetwork = Map<string, MemoryBulk>

export interface MemoryBulkOptions {
  readonly network?: MemoryBulkNetwork
  readonly clusterKey?: string
  /** Of deadlines; without one, none passes. */
  readonly clock?: Clock
}

interface Asking {
  readonly node: NodeId
  readonly end: (error: HoldfastError) => void
}

export class MemoryBulk implements BulkTransport {
  readonly node: NodeId
  private readonly network: MemoryBulkNetwork
  private readonly clusterKey: string
  private readonly clock: Clock
  private readonly asking: Set<Asking> = new Set()
  private serve: ServeChunk | null = null
  private isStopped = false

  constructor(node: NodeId, options: MemoryBulkOptions = {}) {
    const { network = new Map(), clusterKey = 'one cluster', clock = new ManualClock() } = options
    this.node = node
    this.network = network
    this.clusterKey = clusterKey
    this.clock = clock
  }

  address(): string {
    return `${this.node}:1`
  }

  async start(serve: ServeChunk): Promise<void> {
    this.serve = serve
    this.network.set(this.address(), this)
  }

  async stop(): Promise<void> {
    this.isStopped = true
    if (this.network.get(this.address()) === this) this.network.delete(this.address())
    this.end(() => true, new HoldfastError('SHUTTING_DOWN', 'this node is stopping.'))
    for (const other of this.network.values()) other.end(({ node }) => node === this.node, unreachable(this.node))
  }

  /** Every peer on the network reaches every other. */
  async connect(peer: BulkPeer): Promise<void> {
    if (this.network.get(peer.address)?.node !== peer.node) throw unreachable(peer.node)
  }

  drop(node: NodeId): void {
    this.end((asking) => asking.node === node, unreachable(node))
    for (const other of this.network.values()) {
      if (other.node === node) other.end((asking) => asking.node === this.node, unreachable(this.node))
    }
  }

  async fetch(peer: BulkPeer, request: ChunkRequest, into: ChunkSink, options: AbortOptions = {}): Promise<boolean> {
    if (this.isStopped) throw new HoldfastError('SHUTTING_DOWN', 'this node is stopping.')
    const bytes = await this.wait(peer, request, options)
    if (bytes === null) return false
    into.begin(request.sizeBytes).set(bytes)
    await into.end()
    return true
  }

  /** What the peer answers. Tests may answer for peers that are not on the network. */
  protected async answer(peer: BulkPeer, request: ChunkRequest, _signal: AbortSignal): Promise<Uint8Array | null> {
    const holder = this.network.get(peer.address)
    if (holder === undefined || holder.serve === null) throw unreachable(peer.node)
    if (holder.clusterKey !== this.clusterKey) throw new HoldfastError('WRONG_CLUSTER_KEY', 'of another cluster.')
    if (holder.node !== peer.node) throw new HoldfastError('PEER_PROTOCOL', `${peer.address} is ${holder.node}.`)
    try {
      const found = await holder.serve(this.node, request)
      if (found !== null && !(found instanceof Uint8Array)) throw new Error('no store stands behind this transport')
      return found
    } catch (error) {
      throw isHoldfastError(error) ? error : new HoldfastError('PEER_PROTOCOL', 'the node failed to serve the chunk.')
    }
  }

  private wait(peer: BulkPeer, request: ChunkRequest, options: AbortOptions): Promise<Uint8Array | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | null>()
    const asking: Asking = { node: peer.node, end: reject }
    this.asking.add(asking)
    const limit = new TimeLimit(this.clock, request.context.deadlineMs, options.signal)
    const { signal } = limit
    const onAbort = () => reject(new HoldfastError('DEADLINE_EXCEEDED', `${peer.node} did not answer in time.`))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    this.answer(peer, request, signal).then(resolve, reject)
    return promise.finally(() => {
      limit[Symbol.dispose]()
      this.asking.delete(asking)
      signal.removeEventListener('abort', onAbort)
    })
  }

  private end(isOf: (asking: Asking) => boolean, error: HoldfastError): void {
    for (const asking of this.asking) if (isOf(asking)) asking.end(error)
  }
}

function unreachable(node: NodeId): HoldfastError {
  return new HoldfastError('PEER_UNREACHABLE', `${node} does not answer.`)
}
