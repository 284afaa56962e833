/** Every limit of the bulk transport. Both sides of a connection have their own; neither trusts the other's. */
export interface BulkOptions {
  /** Host that the listener binds to. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Host to tell other nodes when it differs from `host`: behind NAT, or bound to a wildcard. Empty: `host`. */
  readonly advertiseHost: string
  /** Largest chunk asked for or served. Chunks have at most 8 MiB; the rest is room for a later format. */
  readonly chunkBytesMax: number
  /** Connections kept to one peer: one for each chunk that the plan has under way. Others fill the line while one waits for a lost packet. */
  readonly connectionsPerPeerMax: number
  /** Requests under way on one of our connections: enough that the next chunk follows the last without a pause. */
  readonly requestsPerConnectionMax: number
  /** Share of a tenant in the bytes that are asked for and served, beside the others. */
  readonly weightOf: (tenant: string) => number
  /** Requests that wait for a connection to one peer; the next one gets OVERLOADED. */
  readonly waitingPerPeerMax: number
  /** Connections of others that have proved themselves. The next one displaces one of the peer that has the most. */
  readonly inboundConnectionsMax: number
  /** Of one peer: what it may open, and as many again that it was asked for. */
  readonly inboundPerPeerMax: number
  /** Connections of others that have not proved themselves; the next one displaces another. */
  readonly handshakesMax: number
  /** Of one address. */
  readonly handshakesPerAddressMax: number
  /** Requests served at one time on one connection; each may hold a chunk in memory. */
  readonly servedPerConnectionMax: number
  /** Requests served at one time of all peers together: 64 chunks of 8 MiB are half a gigabyte. */
  readonly servedMax: number
  /** Of one peer; more than it asks for by itself, four on each of four connections. */
  readonly servedPerPeerMax: number
  /** That a peer always has, also when others have all. */
  readonly servedPerPeerMin: number
  /** TCP, TLS and both proofs. */
  readonly handshakeTimeoutMs: number
  /** A peer of which a chunk was asked and that sends nothing for this long is mute: others are asked too. */
  readonly muteMs: number
  /** A connection on which a request waits and nothing moves for this long is given up. */
  readonly stallTimeoutMs: number
  /** A connection of ours without a request is closed after this. */
  readonly idleMs: number
  /** A connection of others without a request is closed after this; longer than idleMs, so that the asking side closes first. */
  readonly inboundIdleMs: number
  /** Threads of the engine; 0: one per processor, at least 2 and at most 8. */
  readonly threadCount: number
  /** Added to the niceness of the process for the threads of the engine: inference goes first. */
  readonly nice: number
  /** Limits of this node, and of each peer; 0: none. */
  readonly outBytesPerS: number
  readonly inBytesPerS: number
  readonly peerOutBytesPerS: number
  readonly peerInBytesPerS: number
}

export const defaultBulkOptions: BulkOptions = {
  host: '127.0.0.1',
  port: 0,
  advertiseHost: '',
  chunkBytesMax: 16 * 2 ** 20,
  connectionsPerPeerMax: 4,
  requestsPerConnectionMax: 4,
  weightOf: () => 1,
  waitingPerPeerMax: 4096,
  inboundConnectionsMax: 512,
  inboundPerPeerMax: 64,
  handshakesMax: 1024,
  handshakesPerAddressMax: 768,
  servedPerConnectionMax: 16,
  servedMax: 64,
  servedPerPeerMax: 48,
  servedPerPeerMin: 2,
  handshakeTimeoutMs: 5_000,
  muteMs: 2_000,
  stallTimeoutMs: 15_000,
  idleMs: 30_000,
  inboundIdleMs: 90_000,
  threadCount: 0,
  nice: 5,
  outBytesPerS: 0,
  inBytesPerS: 0,
  peerOutBytesPerS: 0,
  peerInBytesPerS: 0,
}
