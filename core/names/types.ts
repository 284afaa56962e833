/** Events and effects of the machine of names. */

import {
  defaultOriginPatienceMs,
  defaultRefFreshMs,
  defaultRefMissingMs,
  type ModelId,
  type NodeId,
} from '../../common/index.ts'
import type { Failure } from '../failure.ts'
import type { RefFacts } from './known-refs.ts'
import type { MissingOptions } from './missing.ts'

/** Names one question of a caller until it is answered. */
export type NameWant = number

/**
 * Where a manifest is looked for, in this order: what this node keeps; nodes that are believed to have the model, the nearest first,
 * because manifests are small but the origin may be far or away; the origin; other peers, because a node that has just loaded a model
 * may answer for its tag before others know that it is a holder.
 */
export const manifestPlaces = ['here', 'holders', 'origin', 'others'] as const
export type ManifestPlace = (typeof manifestPlaces)[number]

export type NameEvent<R> = { readonly nowMs: number } /** Kept from an earlier run. */ & (
  | { readonly kind: 'found'; readonly name: string; readonly ref: RefFacts<R> }
  /** At once: what is known is good enough, however old it is, and is looked up behind. */
  | { readonly kind: 'resolve'; readonly want: NameWant; readonly name: string; readonly isAtOnce: boolean }
  /** Look the name up for the requests that come later; nobody waits. */
  | { readonly kind: 'look-up-behind'; readonly name: string }
  | { readonly kind: 'resolve-digest'; readonly want: NameWant; readonly model: ModelId }
  /** Look the name up again, however fresh it is. */
  | { readonly kind: 'refresh'; readonly want: NameWant; readonly name: string }
  /** null without a failure: the origin does not have it. */
  | {
      readonly kind: 'origin-ref'
      readonly name: string
      readonly ref: RefFacts<R> | null
      readonly failure: Failure | null
    }
  /** The time of 'time-origin' has come. */
  | { readonly kind: 'origin-slow'; readonly name: string }
  | {
      readonly kind: 'peer-refs'
      readonly name: string
      readonly refs: readonly { readonly node: NodeId; readonly ref: RefFacts<R> }[]
    }
  /** A peer tells of a ref without having been asked. */
  | { readonly kind: 'ref-received'; readonly name: string; readonly node: NodeId; readonly ref: RefFacts<R> }
  | {
      readonly kind: 'manifest'
      readonly model: ModelId
      readonly place: ManifestPlace
      readonly isHere: boolean
      readonly failure: Failure | null
    }
)

export type NameEffect<R> =
  /** Ends in 'origin-ref'. */
  | { readonly kind: 'ask-origin-ref'; readonly name: string }
  /** Comes back as 'origin-slow', which says nothing once the origin has answered. */
  | { readonly kind: 'time-origin'; readonly name: string; readonly afterMs: number }
  /** Ask the nearest peers at once and wait for all; ends in 'peer-refs'. */
  | { readonly kind: 'ask-peers-ref'; readonly name: string }
  /** Ends in 'manifest'. */
  | { readonly kind: 'ask-manifest'; readonly model: ModelId; readonly place: ManifestPlace }
  | { readonly kind: 'keep-ref'; readonly name: string; readonly ref: RefFacts<R> }
  | {
      readonly kind: 'resolved'
      readonly want: NameWant
      readonly model: ModelId
      /** null when the model was named by its digest. */
      readonly name: string | null
      readonly ref: RefFacts<R> | null
      /** Since the ref was last confirmed by the origin or, failing that, learned from a peer. */
      readonly ageMs: number
    }
  | {
      readonly kind: 'refreshed'
      readonly want: NameWant
      readonly name: string
      readonly ref: RefFacts<R>
      /** Why the ref is only what this node or a peer knew before: the origin is away, or has no such tag. */
      readonly unconfirmed: Failure | null
    }
  | { readonly kind: 'unresolved'; readonly want: NameWant; readonly failure: Failure }
  /** For the log. */
  | { readonly kind: 'bad-ref'; readonly name: string; readonly node: NodeId; readonly why: string }

export interface NameMachinePorts {
  /** At hand now, without asking anybody. */
  hasManifest(model: ModelId): boolean
  readonly hasOrigin: boolean
}

export interface NameMachineOptions extends MissingOptions {
  /** A name that was looked up less than this ago is not looked up again. */
  readonly freshMs: number
  /** Requests get what is known of a name, however old it is, and it is looked up behind; false: they wait for the look-up. */
  readonly serveStale: boolean
  /** An origin that takes longer, while a request waits, has peers asked beside it. */
  readonly originPatienceMs: number
  /** Names of which it is remembered when they were looked up last. */
  readonly triedMax: number
  /** Names that nodes have brought here and nobody has asked for yet: of one node, and of all. A few kilobytes each are kept. */
  readonly handedPerNodeMax: number
  readonly handedMax: number
}

export const defaultNameMachineOptions: NameMachineOptions = {
  freshMs: defaultRefFreshMs,
  serveStale: true,
  originPatienceMs: defaultOriginPatienceMs,
  missingMs: defaultRefMissingMs,
  missingMax: 4_096,
  triedMax: 4_096,
  handedPerNodeMax: 1_024,
  handedMax: 8_192,
}

export interface PeerQuestionOptions {
  /** Peers asked for a ref at once: more answers, fresher truth, more messages. */
  readonly refPeersMax: number
  /** Holders asked for a manifest, one after the other, before the origin is; and so many others after it. */
  readonly manifestPeersMax: number
  /** A peer that takes longer is passed over. */
  readonly timeoutMs: number
}

export const defaultPeerQuestionOptions: PeerQuestionOptions = {
  refPeersMax: 8,
  manifestPeersMax: 4,
  timeoutMs: 3_000,
}
