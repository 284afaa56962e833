/**
 * The ports of the daemon: what it needs of the world, in 3 to 6 methods each. Real adapters live in node/net, node/transfer, node/state
 * and node/runtime. A port names the suite that its implementations pass, the fakes of unit tests included.
 *
 * Every wait takes an AbortSignal. "Not there" is null, never an error.
 */
import type { BlobId, NodeId, RequestContext, Sha256 } from '../../common/index.ts'
import type { Confinement, FillPlace } from '../../native/index.ts'

export interface AbortOptions {
  readonly signal?: AbortSignal
}

/**
 * Identity, discovery, gossip and small calls. Every peer seen here holds the cluster key and has proved its node id.
 *
 * Suite: test/conformance/cluster-network.suite.ts
 */
export interface ClusterNetwork {
  readonly self: NodeId
  /** Addresses other nodes can dial, complete multiaddrs with /p2p/. Known after start(). */
  addresses(): string[]
  start(events: ClusterNetworkEvents): Promise<void>
  stop(): Promise<void>
  peers(): NodeId[]
  dial(address: string, options?: AbortOptions): Promise<NodeId>
  hangUp(node: NodeId): Promise<void>
  /** How long the connection to that node has carried no call, either way; 0 while it carries one, and without a connection. */
  idleMs(node: NodeId): number
  /** Gossips to all nodes. The topic is one of the entry kinds. */
  broadcast(topic: string, message: Uint8Array): Promise<void>
  /** One request, one answer. PEER_UNREACHABLE, DEADLINE_EXCEEDED, PEER_PROTOCOL, or the error the handler threw (by code). */
  call(node: NodeId, method: string, payload: Uint8Array, options?: AbortOptions): Promise<Uint8Array>
  handle(
    method: string,
    handler: (from: NodeId, payload: Uint8Array, options: AbortOptions) => Promise<Uint8Array>,
  ): void
  /** Round trip in milliseconds. */
  ping(node: NodeId, options?: AbortOptions): Promise<number>
  /** Ed25519 signature by this node's identity; sync, for sealing entries. */
  sign(bytes: Uint8Array): Uint8Array
  /** True when `signature` over `bytes` is by the identity `node`. */
  verify(node: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean
}

export interface ClusterNetworkEvents {
  onPeerUp(node: NodeId): void
  onPeerDown(node: NodeId): void
  /** `from` is the neighbour that passed it on, not its author. Returns false when it is malformed, so that it is not relayed. */
  onMessage(topic: string, from: NodeId, message: Uint8Array): boolean
  /** True for a usable node of the cluster: it is not dialled only because its address is configured or was discovered. */
  isMember(node: NodeId): boolean
  /** A connection was refused, in or out: 'wrong cluster key' (both sides are told) or another reason. */
  onRefused(remote: string, reason: string): void
}

/** A piece of a blob that one node asks of another. */
export interface ChunkRequest {
  /** Null from a node of before the blob id: it knows the file only. */
  readonly blob: BlobId | null
  /** sha256 of the blob's file as the manifest states it, for a node that knows no blob ids. */
  readonly file: Sha256
  readonly chunk: Sha256
  readonly offsetBytes: number
  readonly sizeBytes: number
  readonly context: RequestContext
}

/** Another node, and where it said that its bulk engine listens: host:port. */
export interface BulkPeer {
  readonly node: NodeId
  readonly address: string
}

/**
 * Where a chunk goes. A native engine writes into the places by itself, verifies, and calls neither `begin` nor `end`: each byte is touched
 * once, in the memory where it stays. Everything else calls `begin` and `end`.
 */
export interface ChunkSink {
  readonly places?: readonly FillPlace[]
  /** Why the places could not take the chunk, before the fetch is rejected with the same error. */
  refused?(error: Error): void
  /** Memory of exactly this size, to be filled from front to back. Asked for once, when the first bytes have come. */
  begin(sizeBytes: number): Uint8Array
  /** The memory is full: verifies the chunk and keeps it. DIGEST_MISMATCH, or why this node cannot take it. */
  end(): Promise<void>
}

/**
 * Moves chunks between nodes over connections that are encrypted and bound to both libp2p identities and to the cluster key.
 * The sink hashes the bytes before they are stored or served; what goes into places is hashed on its way.
 *
 * Suite: test/conformance/bulk-transport.suite.ts
 */
export interface BulkTransport {
  /** host:port that other nodes connect to. Known after start(). */
  address(): string
  start(serve: ServeChunk): Promise<void>
  stop(): Promise<void>
  /**
   * True when the sink has taken the chunk; false when the peer does not hold it (now). PEER_UNREACHABLE, WRONG_CLUSTER_KEY,
   * PEER_PROTOCOL, OVERLOADED, DEADLINE_EXCEEDED, or the error of the sink, as it is. The signal ends the wait for bytes, not the
   * work of the sink; nothing is written into the sink's memory once this has settled. Of places their fills decide.
   */
  fetch(peer: BulkPeer, request: ChunkRequest, into: ChunkSink, options?: AbortOptions): Promise<boolean>
  /**
   * Opens a connection over which that node may ask this one, for a node that cannot open one itself; nothing when there is one. The errors
   * of fetch().
   */
  connect(peer: BulkPeer, options?: AbortOptions): Promise<void>
  /** Closes what is open to that node. */
  drop(node: NodeId): void
}

/** Where the store of this machine has a chunk; the engine reads it there. */
export interface StoredChunk {
  readonly blob: BlobId
  readonly offsetBytes: number
}

/** What a peer may have of what it asks for: where it may lie, the first that is there counts; or the bytes; null of what this node does not hold. */
export type ServeChunk = (from: NodeId, request: ChunkRequest) => Promise<readonly StoredChunk[] | Uint8Array | null>

/**
 * What must survive a restart: small records by key, each write durable when its promise resolves. A value that was got is the
 * caller's own.
 *
 * Suite: test/conformance/state-store.suite.ts
 */
export interface StateStore {
  get(key: string): Promise<unknown>
  put(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  /** Entries whose key starts with the prefix, in key order. */
  entries(prefix: string): AsyncIterable<[string, unknown]>
  close(): Promise<void>
}

/** Open Inference Protocol V2 datatypes that the runtime takes. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'BF16'
  | 'FP32'
  | 'FP64'
  | 'BYTES'

export interface TensorValue {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Little-endian elements in row-major order. Of BYTES each element is its length in 4 bytes, and then so many. */
  readonly data: Uint8Array
}

export interface TensorSignature {
  readonly name: string
  readonly datatype: Datatype
  /** -1 where any size fits; [] for a scalar, and for a tensor of which the model does not say how many dimensions it has. */
  readonly shape: readonly number[]
}

export interface ModelSignature {
  readonly platform: string
  readonly inputs: readonly TensorSignature[]
  readonly outputs: readonly TensorSignature[]
  /** Outputs that are no tensors, or of a type without a name here: answers leave them out. */
  readonly omittedOutputs: readonly string[]
  /** 'shared': every process runs on the one copy in memory. 'copied': the runtime cannot run the model so, and each has its own. */
  readonly weights: 'shared' | 'copied'
  /** Memory that the sessions take besides the shared bytes, in all workers together, as measured when they were loaded. */
  readonly privateBytes: number
}

export interface ChildConfinement extends Confinement {
  /** Why something that was wanted is not applied, or null. */
  readonly refusal: string | null
}

/** It killed workers; ran, or took to load, beyond its time; wanted too much memory. */
export type SetAsideReason = 'crash' | 'run-time' | 'load-time' | 'memory'

export interface SetAside {
  readonly digest: string
  /** Time of the last offence. */
  readonly reason: SetAsideReason
  readonly offences: number
  /** Good answers until it runs among the others again. */
  readonly answersLeft: number
}

/** By what a request waits for a worker. */
export interface RunOrder {
  readonly tenant: string
  /** Time of the node's clock after which it is not begun any more; Infinity: it can wait for ever. */
  readonly latestMs: number
  /** Predicted execution, for the share of the tenant; 0 when nothing is known. */
  readonly costMs: number
  /** The part of it that is certain; 0 when nothing is. */
  readonly sureMs: number
}

/** Without an order: of the tenant 'public', without end, of unknown cost. */
export interface RunOptions extends AbortOptions, Partial<RunOrder> {
  /** All, when absent. */
  readonly outputs?: readonly string[]
  /** A worker has begun with it; again when another worker has to. */
  readonly onRun?: () => void
}

/**
 * Runs models in worker processes that map the weights from the store of this machine.
 *
 * Errors: infer() UNKNOWN_MODEL of what is not loaded, INFERENCE_FAILED, OVERLOADED, DEADLINE_UNREACHABLE of what is not begun in time;
 * derive() SYSTEM when it cannot read the file, BAD_MODEL_FILE, NOT_RUNNABLE; load() UNKNOWN_MODEL, NOT_RUNNABLE; each of them SHUTTING_DOWN
 * after stop(), and DEADLINE_EXCEEDED, or the reason of the signal where that is a HoldfastError.
 *
 * Suite: test/conformance/runtime.suite.ts
 */
export interface Runtime {
  start(): Promise<void>
  stop(): Promise<void>
  /** Names the converter, its version and the CPU: a derived blob is good for exactly one fingerprint. */
  fingerprint(): string
  /**
   * Converts a model file (a path on disk) to the form that is loaded; writes it to `outputPath`. MODEL_TOO_NEW, UNSUPPORTED_OPERATOR,
   * UNSUPPORTED_TYPE, BAD_MODEL_FILE or NOT_RUNNABLE, with `isPassing` in the details where another try may end otherwise.
   */
  derive(inputPath: string, outputPath: string, options?: AbortOptions): Promise<void>
  /** Opens `name` at the store and creates a session in every worker. Loading twice is once. */
  load(digest: string, options?: AbortOptions): Promise<ModelSignature>
  infer(digest: string, inputs: readonly TensorValue[], options?: RunOptions): Promise<TensorValue[]>
  /** Waits for running work, then releases the session and its lease. */
  unload(digest: string): Promise<void>
  /** Expected wait for a worker of a request that came now, by what is known of those before it; null: of one that goes last. */
  queueMs(order: RunOrder | null): number
  /** The part of that wait that is certain. */
  sureQueueMs(order: RunOrder): number
  /** Models that have held up or killed workers, and run apart until they have answered well for a while. */
  setAside(): readonly SetAside[]
  /** Requests that wait or run, by digest: a model with queued work is never evicted. */
  queued(digest: string): number
}
