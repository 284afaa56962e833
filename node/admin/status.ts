/** A node on one screen: what it is, how full its tiers are, whom it sees, what it holds. */

import {
  byTier,
  type ErrorCode,
  type LocalTier,
  type ModelId,
  type NodeId,
  type TierState,
  type Zone,
} from '../../common/index.ts'
import type { ResidentModel } from '../../core/index.ts'
import type { PageUse, StoreStats } from '../../native/index.ts'
import type { ChildConfinement, SetAside } from '../ports/index.ts'
import type { LargePages } from '../system/index.ts'
import type { PinView } from './node-pins.ts'
import type { ClusterMember } from './node-views.ts'

export interface DiskView {
  readonly path: string
  readonly freeBytes: number
  /** Too little is left for a model. */
  readonly isFull: boolean
}

/** Requests of callers over some time (node/requests). */
export interface RequestRates {
  readonly windowS: number
  readonly count: number
  readonly ratePerS: number
  readonly hitRatio: number | null
  readonly errorRatio: number | null
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null
}

export interface LastError {
  readonly code: ErrorCode
  readonly count: number
  readonly message: string
  readonly lastAtMs: number
}

/** Another box showed up with the identity of this node. */
export interface IdentityClaims {
  readonly count: number
  /** In milliseconds since 1970. */
  readonly lastAtMs: number
}

/** What does not change while the node runs, and what only the daemon knows. */
export interface StatusFacts {
  readonly node: NodeId
  readonly name: string
  readonly version: string
  readonly zone: Zone
  readonly startedMs: number
  readonly originUrl: string
  readonly isReady: () => boolean
  readonly identityClaims: () => IdentityClaims | null
  readonly requests: () => RequestRates
  readonly errors: () => readonly LastError[]
  readonly originAwaySinceMs: () => number | null
  readonly disks: () => readonly DiskView[]
  readonly addresses: () => readonly string[]
  readonly bulkAddress: () => string
  readonly largePages: () => LargePages
  readonly socketPath: string
  readonly workers: () => ChildConfinement | null
  readonly setAside: () => readonly ModelSetAside[]
  readonly converter: () => ChildConfinement | null
}

/** A model that runs apart from the others, because it held up or killed workers. */
export interface ModelSetAside extends Omit<SetAside, 'digest'> {
  readonly model: ModelId
}

export interface LargePageUse extends LargePages {
  /** On reserved ones, and those for which the kernel was asked for large pages. */
  readonly reserved: PageUse
  readonly asked: PageUse
}

export interface NodeStatus extends Readonly<Record<LocalTier, TierState>> {
  readonly node: NodeId
  readonly name: string
  readonly version: string
  readonly zone: Zone
  readonly ready: boolean
  readonly uptimeMs: number
  readonly originUrl: string
  readonly addresses: readonly string[]
  readonly bulkAddress: string
  readonly socketPath: string
  /** What worker processes have given up; null while none has started. */
  readonly workers: ChildConfinement | null
  readonly setAside: readonly ModelSetAside[]
  /** The same of the last process that converted a model. */
  readonly converter: ChildConfinement | null
  /** Weights on large pages. */
  readonly largePages: LargePageUse
  readonly leases: number
  readonly connections: number
  readonly peers: { readonly known: number; readonly suspected: number }
  readonly models: Readonly<Record<LocalTier | 'loaded', number>>
  readonly pins: { readonly total: number; readonly missing: number }
  readonly bans: number
  /** Of callers, over the last minutes. */
  readonly requests: RequestRates
  /** Since 1970; null while it answers. */
  readonly originAwaySinceMs: number | null
  /** The file systems that the node writes to. */
  readonly disks: readonly DiskView[]
  /** Writes that the disk refused since the start. */
  readonly diskFailures: number
  /** The last one first. */
  readonly errors: readonly LastError[]
  /** Null: nobody else has shown this node's identity. */
  readonly identityClaims: IdentityClaims | null
}

export interface StatusInput {
  readonly facts: StatusFacts
  readonly store: StoreStats
  readonly members: readonly ClusterMember[]
  readonly residency: readonly ResidentModel[]
  readonly loadedCount: number
  readonly pins: readonly PinView[]
  readonly banCount: number
  readonly nowMs: number
}

export function nodeStatus(input: StatusInput): NodeStatus {
  const { facts, store, residency, pins } = input
  const others = input.members.filter(({ isSelf }) => !isSelf)
  return {
    node: facts.node,
    name: facts.name,
    version: facts.version,
    zone: facts.zone,
    ready: facts.isReady(),
    uptimeMs: input.nowMs - facts.startedMs,
    originUrl: withoutCredentials(facts.originUrl),
    addresses: facts.addresses(),
    bulkAddress: facts.bulkAddress(),
    socketPath: facts.socketPath,
    workers: facts.workers(),
    setAside: facts.setAside(),
    converter: facts.converter(),
    ...store.tiers,
    largePages: { ...facts.largePages(), reserved: store.reservedPages, asked: store.askedPages },
    leases: store.leases,
    connections: store.connections,
    peers: { known: others.length, suspected: others.filter(({ suspected }) => suspected).length },
    models: {
      ...byTier((tier) => residency.filter((model) => model.tier === tier).length),
      loaded: input.loadedCount,
    },
    pins: { total: pins.length, missing: pins.filter(({ state }) => state !== 'held').length },
    bans: input.banCount,
    requests: facts.requests(),
    originAwaySinceMs: facts.originAwaySinceMs(),
    disks: facts.disks(),
    diskFailures: store.diskFailures,
    errors: facts.errors(),
    identityClaims: facts.identityClaims(),
  }
}

/** s3://key:secret@endpoint/... is not for everybody who may read a status. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z0-9+.-]+:\/\/)[^/@]*@/i, '$1')
}
