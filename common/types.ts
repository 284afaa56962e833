/**
 * The vocabulary of Holdfast: one meaning per word, used alike in code, logs, metrics and docs.
 *
 * placement/ imports nothing, so that everything else may import this file.
 */
import type { Tier } from './tiers.ts'

/** sha256 of a model's canonical manifest, 64 lower-case hex digits: the model's identity inside the cluster. */
export type ModelId = string

/** libp2p peer id of a node, in its base58 or CID text form. */
export type NodeId = string

/** Lower-case hex sha256. */
export type Sha256 = string

declare const blobIdBrand: unique symbol

/**
 * What a node calls a blob: the digest of its chunk list (blobIdOf, origin/manifest), 64 lower-case hex digits. The name is computed from
 * the list, so no manifest can put foreign chunks under it. The sha256 of a file is another thing, an attribute that a manifest states; the
 * compiler keeps the two apart.
 */
export type BlobId = Sha256 & { readonly [blobIdBrand]: true }

/** For text that names a blob already: in a record, in a message, in a simulated model. */
export function toBlobId(text: string): BlobId {
  return text as BlobId
}

/** Where bytes can come from: a tier of this node, another node, or the origin. */
export type Source = Tier | 'peer' | 'origin'

/** Nodes in one zone are near each other. */
export type Zone = string

/** What every request and fetch carries from the start, also between nodes. */
export interface RequestContext {
  /** Owner on whose account the work is done; 'public' when nobody was named. */
  readonly tenant: string
  /** Milliseconds that the caller is still willing to wait; Infinity when it did not say. */
  readonly deadlineMs: number
  /** Milliseconds until the first of several waiters for the same bytes gives up. Absent: as deadlineMs. */
  readonly dueMs?: number
  /** Address that a user's request came from, for limits that callers of one tenant do not share. Stays on this node. */
  readonly from?: string
  /** Why bytes are fetched: 'placement' when no request waits for them. Stays on this node. Absent: for a request. */
  readonly purpose?: 'placement'
}

/** A path over which a model's bytes can come, as the cost model sees it. */
export interface SourceView {
  readonly source: Source
  /** The node behind a 'peer' source. */
  readonly node?: NodeId
  readonly latencyMs: number
  readonly bandwidthBytesPerS: number
  /** It has delivered lately. Absent: both are guesses, or old. */
  readonly isMeasured?: boolean
}

/** Returns a uniformly distributed integer in [0, bound); every random choice takes one of these as an argument. */
export type RandomInt = (bound: number) => number
