/**
 * The protocol of a node as data: events in, effects out (the manner of etcd-io/raft's `Ready`).
 *
 * `NodeCore.step(event)` runs to completion without waiting, without a clock and without I/O; adapters in node/ (real) and in
 * sim/ (virtual) turn the world into events and carry out the effects. Every event carries `nowMs`, a monotonic time in
 * milliseconds whose zero means nothing.
 */
import type {
  BlobId,
  ErrorCode,
  LocalTier,
  ModelId,
  NodeId,
  RequestContext,
  Sha256,
  TenantQuotas,
  Tier,
  Zone,
} from '../common/index.ts'
import type { Failure } from './failure.ts'
import type { Progress } from './transfer/progress.ts'

/** Version of the entries below; a node ignores entries of a later major version and keeps relaying nothing it cannot check. */
export const protocolVersion = 1

/** What a node says about itself; also its addresses, so that an entry is all one needs to use a node. */
export interface StateBody {
  readonly zone: Zone
  readonly protocolVersion: number
  /** libp2p multiaddrs. */
  readonly addresses: readonly string[]
  /** host:port of the bulk engine. */
  readonly bulkAddress: string
  /** Base URL of the node's HTTP interface, for people and for the dashboard. */
  readonly httpUrl: string
  /** Expected wait of a request that arrives now, in milliseconds. */
  readonly queueMs: number
  readonly tiers: Readonly<Record<LocalTier, TierRoom>>
  /** For people: node.name, and the version of the software. */
  readonly name?: string
  readonly version?: string
  /** When this run of the node began, in milliseconds since 1970 by its clock: it tells two runs of one identity apart. */
  readonly startedMs?: number
  /** A draining node serves what it has and takes nothing new. */
  readonly draining: boolean
  /** Pins of the cluster that this node speaks for, sorted by name (pin-set.ts). Absent when there are none. */
  readonly pins?: readonly PinRecord[]
  /** Tenants of the cluster that this node speaks for, sorted by name. Absent when there are none. */
  readonly tenants?: readonly TenantRecord[]
  /** This node says its state again within this time; absent: a minute. Nodes of large clusters speak less often. */
  readonly reannounceMs?: number
}

export interface TierRoom {
  readonly freeBytes: number
  /** Null in what another node says of a tier whose limit is not said (common/tiers.ts). */
  readonly limitBytes: number | null
}

/** A model that the cluster keeps on several nodes. Of two records of one name the later change counts. */
export interface PinRecord {
  /** As the operator wrote it: namespace/name:tag, which follows the tag, or sha256:<digest>. */
  readonly name: string
  /** Nodes that keep it, spread over zones; 0: not pinned any more. */
  readonly replicaCount: number
  readonly tier: LocalTier
  /** When it was changed, in milliseconds since 1970, by the clock of `by`. */
  readonly changedMs: number
  readonly by: NodeId
}

/** An owner of requests and models, as every node knows it. Of two records of one name the later change counts. */
export interface TenantRecord {
  readonly name: string
  /** The tokens that are valid. Nobody keeps a token itself. */
  readonly tokens: readonly TenantToken[]
  /** Tokens that are valid no more, the latest ones, in order of their revocation. */
  readonly revoked: readonly RevokedToken[]
  /** Namespaces of models that are its own. */
  readonly namespaces: readonly TenantNamespace[]
  readonly quotas: TenantQuotas
  /** A removed tenant stays as a record without tokens and namespaces. */
  readonly isRemoved: boolean
  /** When it was changed, in milliseconds since 1970, by the clock of `by`. */
  readonly changedMs: number
  readonly by: NodeId
}

export interface TenantToken {
  readonly sha256: Sha256
  readonly createdMs: number
}

export interface RevokedToken {
  readonly sha256: Sha256
  readonly revokedMs: number
}

export interface TenantNamespace {
  readonly name: string
  /** Nobody else may open its models, nor learn of them. */
  readonly isPrivate: boolean
}

export interface ResidentModel {
  readonly model: ModelId
  /** The fastest tier of this node in which all bytes lie. */
  readonly tier: Tier
  readonly sizeBytes: number
}

export interface ResidencyBody {
  /** Complete list, sorted by model. */
  readonly models: readonly ResidentModel[]
  /**
   * Models on their way in, sorted: this node may be asked for those chunks of them that it has verified already. So a crowd of
   * nodes that want one cold model share what each took from the origin. Absent when there are none.
   */
  readonly fetching?: readonly ModelId[]
}

export interface DemandBody {
  /** Requests per second that first arrived at this node, the most wanted models only, sorted by model. */
  readonly rates: readonly { readonly model: ModelId; readonly ratePerS: number }[]
}

/** What the author holds against others now: it saw a connection close or a call fail. Refuted by a state entry with a higher (epoch, sequence). */
export interface SuspicionBody {
  readonly suspects: readonly { readonly node: NodeId; readonly epoch: number; readonly sequence: number }[]
}

export interface EntryBodies {
  state: StateBody
  residency: ResidencyBody
  demand: DemandBody
  suspicion: SuspicionBody
}
export type EntryKind = keyof EntryBodies
export const entryKinds = ['state', 'residency', 'demand', 'suspicion'] as const satisfies readonly EntryKind[]

/** Last writer wins per (node, kind), ordered by epoch, then sequence. The epoch rises with every start of the node. */
export type Entry<K extends EntryKind = EntryKind> = {
  [P in K]: {
    readonly kind: P
    readonly node: NodeId
    readonly epoch: number
    readonly sequence: number
    readonly body: EntryBodies[P]
  }
}[K]

/** An entry with its author's signature, kept to be relayed as it came. The simulator has no envelopes. */
export interface SignedEntry {
  readonly entry: Entry
  /** Encoded entry, public key and signature; null in the simulator. */
  readonly envelope: Uint8Array | null
}

export interface SummaryItem {
  readonly node: NodeId
  readonly kind: EntryKind
  readonly epoch: number
  readonly sequence: number
}

/** The nodes a version summary speaks of: ids after `after` (null: from the first) up to and with `through` (null: to the last). */
export interface SummaryRange {
  readonly after: NodeId | null
  readonly through: NodeId | null
}

/** Where the fetch plan sends a request for a chunk. */
export type ChunkSource = { readonly kind: 'peer'; readonly node: NodeId } | { readonly kind: 'origin' }

export interface FetchChunk {
  /** Blob that the chunk belongs to; a chunk that occurs twice is fetched once, for its first place. */
  readonly blob: BlobId
  /** sha256 of the blob's file as the manifest states it: an origin, and a node of before the blob id, know the file by it. */
  readonly file: Sha256
  /** Index in the blob's chunk list. */
  readonly index: number
  readonly sha256: Sha256
  readonly offsetBytes: number
  readonly sizeBytes: number
}

/** Why a chunk is asked of this source. */
export type ChunkReason =
  /** It has the whole model, and is expected to deliver first. */
  | 'holder'
  /** It fetches the model too, and does not tell what it has. */
  | 'fetcher'
  /** No node near has it, and this one takes it for all: from a holder, another zone or the origin. */
  | 'own-share'
  /** The same, because the node that was to take it did not for long. */
  | 'home-late'
  /** The origin, because all holders have been failing for a while. */
  | 'holders-failing'
  /** The origin, because no peer has the model. */
  | 'no-peer'
  /** The source that was asked before is slow. */
  | 'second'
  /** Few of the nodes that fetch the model have it. */
  | 'rarest'
  /** Nobody wants anything of a holder near. */
  | 'spare'

export type ChunkFailure = 'mismatch' | 'missing' | 'timeout' | 'closed' | 'refused' | 'unavailable'

export type Event =
  | { readonly kind: 'tick'; readonly nowMs: number }
  | { readonly kind: 'peer-up'; readonly node: NodeId; readonly nowMs: number }
  /** The end of a spare connection (plan-connections.ts) says nothing about the node: one of the two had too many. */
  | { readonly kind: 'peer-down'; readonly node: NodeId; readonly isSpare?: boolean; readonly nowMs: number }
  | { readonly kind: 'call-failed'; readonly node: NodeId; readonly nowMs: number }
  /** An operator shut the node out, or let it in again. */
  | { readonly kind: 'ban-changed'; readonly node: NodeId; readonly banned: boolean; readonly nowMs: number }
  /** A node of which chunks were asked has sent no byte for so long; 0: bytes come again. */
  | { readonly kind: 'source-silent'; readonly node: NodeId; readonly silentMs: number; readonly nowMs: number }
  | { readonly kind: 'rtt-measured'; readonly node: NodeId; readonly rttMs: number; readonly nowMs: number }
  /** Entries from gossip or reconciliation; the adapter has checked form, author and signature. */
  | {
      readonly kind: 'entries'
      readonly from: NodeId
      readonly entries: readonly SignedEntry[]
      readonly nowMs: number
    }
  /** A peer's version summary; the answer is the entries it lacks, and our version summary when `wantsSummary`. */
  | {
      readonly kind: 'summary'
      readonly from: NodeId
      readonly items: readonly SummaryItem[]
      /** Absent: the version summary speaks of all nodes. Passed on as it came, or a version summary in parts looks like one that lacks the rest. */
      readonly range?: SummaryRange
      /** Instead of a range: the version summary speaks of the nodes of these groups (ledger.ts). */
      readonly groups?: readonly number[]
      /** Instead of items: the sums of the versions of all groups. */
      readonly sums?: readonly number[]
      readonly wantsSummary: boolean
      readonly nowMs: number
    }
  /** Local facts; the core decides when to publish them. */
  | { readonly kind: 'local-state'; readonly body: StateBody; readonly nowMs: number }
  | { readonly kind: 'local-residency'; readonly models: readonly ResidentModel[]; readonly nowMs: number }
  /** A request of a user arrived first at this node (forwarded ones are counted where they came from). */
  | { readonly kind: 'demand'; readonly model: ModelId; readonly nowMs: number }
  /** Bytes are wanted here. A second one for the same model joins the first. `chunks` are those not yet held. */
  | {
      readonly kind: 'fetch'
      readonly model: ModelId
      readonly chunks: readonly FetchChunk[]
      readonly context: RequestContext
      /** False for a model that no origin knows (refs from peers, origin away and known to be). */
      readonly originAllowed: boolean
      /** Of the model, beside the chunks: was here before, from an interrupted fetch or another model. For what is told of fetches. */
      readonly localBytes?: number
      readonly nowMs: number
    }
  | {
      readonly kind: 'chunk-done'
      readonly model: ModelId
      readonly chunk: Sha256
      readonly source: ChunkSource
      readonly sizeBytes: number
      readonly elapsedMs: number
      readonly nowMs: number
    }
  | {
      readonly kind: 'chunk-failed'
      readonly model: ModelId
      readonly chunk: Sha256
      readonly source: ChunkSource
      readonly failure: ChunkFailure
      readonly nowMs: number
    }
  /** The node itself cannot go on with it: `failure` says why. */
  | { readonly kind: 'fetch-cancelled'; readonly model: ModelId; readonly failure?: Failure; readonly nowMs: number }
  /** Another node that fetches the same model tells what it has of it. The adapter has checked its form and who sent it. */
  | { readonly kind: 'peer-progress'; readonly from: NodeId; readonly progress: Progress; readonly nowMs: number }
  /** Pins that the operator of this node changed, or that it had kept over a restart; long removed records are forgotten by wallMs. */
  | { readonly kind: 'pins'; readonly records: readonly PinRecord[]; readonly wallMs: number; readonly nowMs: number }
  /** Tenants, in the same way. */
  | {
      readonly kind: 'tenants'
      readonly records: readonly TenantRecord[]
      readonly wallMs: number
      readonly nowMs: number
    }
  | { readonly kind: 'stopping'; readonly nowMs: number }

export type Effect =
  /** Gossip this entry. It is in the ledger already. */
  | { readonly kind: 'publish'; readonly signed: SignedEntry }
  | {
      readonly kind: 'send-summary'
      readonly to: NodeId
      readonly items: readonly SummaryItem[]
      /** One of the two is always set by the core. */
      readonly range?: SummaryRange
      readonly groups?: readonly number[]
      readonly sums?: readonly number[]
      readonly wantsSummary: boolean
    }
  | { readonly kind: 'send-entries'; readonly to: NodeId; readonly entries: readonly SignedEntry[] }
  | {
      readonly kind: 'get-chunk'
      readonly model: ModelId
      readonly chunk: FetchChunk
      readonly source: ChunkSource
      readonly why: ChunkReason
      readonly context: RequestContext
    }
  /** The chunk is not wanted from this source any more: what is under way is broken off, and nothing is told of its end. */
  | { readonly kind: 'drop-chunk'; readonly model: ModelId; readonly chunk: FetchChunk; readonly source: ChunkSource }
  /** By a call. One that fails is not repeated: the next news show that some were lost. */
  | { readonly kind: 'send-progress'; readonly to: NodeId; readonly progress: Progress }
  | {
      readonly kind: 'fetch-complete'
      readonly model: ModelId
      readonly bytesBySource: { peer: number; origin: number }
    }
  | { readonly kind: 'fetch-failed'; readonly model: ModelId; readonly code: ErrorCode; readonly message: string }
  /** The node said that it has the whole model, and lacks a chunk of it. For log and metrics. */
  | { readonly kind: 'stale-advert'; readonly node: NodeId; readonly model: ModelId }
  /** Close the connection and do not use the node again for a while; the reason goes to log, metric and operator. */
  | { readonly kind: 'distrust'; readonly node: NodeId; readonly reason: 'wrong-chunk' | 'malformed' }
  /** Another run with this node's identity lives, which began then. When this one was not first, it has to end. */
  | { readonly kind: 'twin'; readonly isFirst: boolean; readonly startedMs: number }
  /** For log and metrics. */
  | {
      readonly kind: 'note'
      readonly note: 'suspected' | 'refuted' | 'expired' | 'joined'
      readonly node: NodeId
      readonly by: NodeId
    }

/**
 * Encodes and signs an entry of this node. Synchronous and without effect, so that it may be called inside step().
 * The simulator passes the identity.
 */
export type EntrySigner = (entry: Entry) => SignedEntry
