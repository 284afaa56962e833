/**
 * What a simulated run gives: plain data, JSON to the byte the same for the same scenario and seed. Figures cover the time after
 * the warm-up; the timeline, the checkers and what says so cover all of it. A delay of nothing is null: where no request was answered
 * there is none, and 0 would be the best of all.
 *
 * The load delay of a request is the part of its time that it spent because its model was not in memory where it entered:
 *
 *   load delay = answered - arrived - execution - wait for a free worker
 *
 * So it has the round trip of a forward, failed tries, the wait for room, the transfer, the read from disk and the start of the
 * model, and is 0 for a model that is ready where the request enters. The wait for a worker is reported apart (`queueDelay`).
 */

import type { Overload } from '../check/overload.ts'

export const runResultSchema = 'holdfast.run.v1'

/** Where a request found its model. 'disk': on this node, read and started; 'forwarded': run by a holder; 'peer' and 'origin': fetched,
 * from where most of its bytes came; 'joined' requests count as the fetch that they waited for. */
export const servedFromNames = ['memory', 'disk', 'forwarded', 'peer', 'origin'] as const
export type ServedFrom = (typeof servedFromNames)[number]

/** Why a request was not answered. 'lost': its own node crashed, or it ran on one that did and nobody was left to repeat it. 'deadline': it
 * would have been answered too late. */
export const failureNames = ['no-source', 'too-large', 'lost', 'node-down', 'deadline'] as const
export type RequestFailure = (typeof failureNames)[number]

/** null where nothing was answered. */
export interface DelayFigures {
  readonly meanMs: number | null
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
}

/** Why bytes that came were thrown away: 'wrong' had another hash; 'given-up' were of a fetch that was given up, or had come before;
 * 'crashed' came for a node that had crashed since. */
export const wasteNames = ['wrong', 'given-up', 'crashed'] as const
export type Waste = (typeof wasteNames)[number]

/** A tenth of the models, by falling popularity in this run; each tenth has as many models. */
export interface DecileFigures {
  readonly requestCount: number
  readonly loadDelay: DelayFigures
  /** Share of requests served from memory where they entered. */
  readonly memoryHitPercent: number
}

export interface RunTotals {
  readonly requestCount: number
  /** The rest of the requests failed. */
  readonly servedBy: Readonly<Record<ServedFrom, number>>
  readonly failedBy: Readonly<Record<RequestFailure, number>>
  /** Failed though some node could have served, in the whole run: has to be 0. */
  readonly wronglyFailedCount: number
  /** Requests that were turned away although their model fits the node, in the whole run: has to be 0. They wait for room instead. */
  readonly rejectedCount: number
  readonly loadDelay: DelayFigures
  readonly queueDelay: DelayFigures
  readonly loadDelayByDecile: readonly DecileFigures[]
  /** Sent by the origin, which charges for it whether it arrives or not. */
  readonly originBytes: number
  /** Of the origin's bytes, those that arrived and were kept. */
  readonly originReceivedBytes: number
  readonly originRequestCount: number
  readonly originUsd: number
  readonly peerBytes: number
  /** Of the bytes that came over the network, those from peers, in percent. */
  readonly peerSharePercent: number
  readonly diskReadBytes: number
  readonly evictionsByReason: Readonly<Record<string, number>>
  /** Copies, prefetches, sheds and pins by placement's reasons. */
  readonly replicationsByReason: Readonly<Record<string, number>>
  readonly replicatedBytes: number
  /** In the whole run. */
  readonly handedOverBytes: number
  /** Model bytes sent in the whole run, by the kind of way: within a site, between sites of a zone, between zones, from the origin. */
  readonly bytesByLink: { readonly site: number; readonly zone: number; readonly far: number; readonly origin: number }
  /** Received by all nodes in the whole run, as encoded, duplicates and version summaries included. */
  readonly gossipBytes: number
  readonly gossipBytesPerNodeS: number
  /** Bytes that came in the whole run and were thrown away. */
  readonly wastedBytes: number
  readonly wastedByReason: Readonly<Record<Waste, number>>
}

/** One column of the timeline; counts and sums of what happened within it. */
export interface TimelineBucket {
  readonly atS: number
  readonly requestCount: number
  readonly failedCount: number
  /** null where no request was answered. */
  readonly loadDelayMeanMs: number | null
  readonly memoryHitPercent: number
  readonly forwardedPercent: number
  readonly originBytes: number
  readonly peerBytes: number
  readonly evictionCount: number
  readonly replicationCount: number
  readonly nodesUp: number
  /** At the end of the bucket, over all nodes. */
  readonly memoryUsedBytes: number
}

export interface NodeFigures {
  readonly node: string
  readonly site: string
  readonly zone: string
  readonly latitude: number
  readonly longitude: number
  readonly requestCount: number
  readonly memoryHitPercent: number
  /** null where no request was answered. */
  readonly loadDelayMeanMs: number | null
  /** Requests of others that ran here. */
  readonly ranForOthersCount: number
  readonly originBytes: number
  readonly peerBytesIn: number
  readonly peerBytesOut: number
  readonly evictionCount: number
  readonly memoryUsedBytes: number
  readonly memoryLimitBytes: number
  readonly isUp: boolean
}

export interface ZoneFigures {
  readonly zone: string
  readonly nodeCount: number
  readonly requestCount: number
  readonly memoryHitPercent: number
  /** null where no request was answered. */
  readonly loadDelayMeanMs: number | null
  readonly loadDelayP99Ms: number | null
  readonly originBytes: number
  readonly peerBytesIn: number
}

/** What a checker found. An empty list is a pass. */
export interface Finding {
  readonly checker: string
  readonly atS: number
  readonly problem: string
}

/** What happened to the world, for the marks of the timeline. */
export interface MarkedEvent {
  readonly atS: number
  readonly text: string
}

export interface RunResult {
  readonly schema: typeof runResultSchema
  readonly scenario: string
  readonly about: string
  readonly seed: number
  readonly policy: string
  readonly peerBlind: boolean
  readonly replication: boolean
  readonly durationS: number
  readonly warmupS: number
  readonly nodeCount: number
  readonly siteCount: number
  readonly modelCount: number
  readonly modelBytes: number
  readonly memoryLimitBytes: number
  readonly totals: RunTotals
  readonly timeline: readonly TimelineBucket[]
  readonly nodes: readonly NodeFigures[]
  readonly zones: readonly ZoneFigures[]
  readonly origin: { readonly latitude: number; readonly longitude: number }
  readonly events: readonly MarkedEvent[]
  readonly findings: readonly Finding[]
  /** The parts of the cluster that are too small for what was asked; the worst first. */
  readonly overloads: readonly Overload[]
  /** Events of the virtual clock, for speed. */
  readonly eventCount: number
}
