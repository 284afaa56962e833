/**
 * Counts what happens in a run, in tables by node, by model and by time. A request costs a few additions; nothing is kept per
 * request. What happens in the warm-up counts in the timeline only.
 */

import { Histogram } from './histogram.ts'
import {
  type Finding,
  failureNames,
  type MarkedEvent,
  type RequestFailure,
  type ServedFrom,
  servedFromNames,
  type Waste,
  wasteNames,
} from './run-result.ts'

export interface MetricsOptions {
  readonly nodeCount: number
  readonly modelCount: number
  readonly zoneOf: readonly number[]
  readonly zoneCount: number
  readonly durationMs: number
  readonly warmupMs: number
  readonly bucketMs: number
}

export interface Bucket {
  requestCount: number
  failedCount: number
  delaySumMs: number
  memoryCount: number
  forwardedCount: number
  originBytes: number
  peerBytes: number
  evictionCount: number
  replicationCount: number
  nodesUp: number
  memoryUsedBytes: number
}

export class Metrics {
  readonly servedBy = new Float64Array(servedFromNames.length)
  readonly failedBy = new Float64Array(failureNames.length)
  wronglyFailedCount = 0
  rejectedCount = 0
  readonly queueDelay = new Histogram()
  readonly byModel: ModelTable
  readonly byNode: NodeTable
  readonly zoneDelays: readonly Histogram[]
  readonly evictionsByReason = new Map<string, number>()
  readonly replicationsByReason = new Map<string, number>()
  originBytes = 0
  originRequestCount = 0
  peerBytes = 0
  /** Of the whole run, the warm-up included: what the checkers add up. */
  takenBytes = 0
  readonly wastedBy = new Float64Array(wasteNames.length)
  replicatedBytes = 0
  handedOverBytes = 0
  diskReadBytes = 0
  readonly buckets: readonly Bucket[]
  readonly events: MarkedEvent[] = []
  /** What was found wrong while it happened; the checkers add theirs. */
  readonly findings: Finding[] = []
  private readonly options: MetricsOptions

  constructor(options: MetricsOptions) {
    this.options = options
    const { nodeCount, modelCount, zoneCount, durationMs, bucketMs } = options
    this.byModel = new ModelTable(modelCount)
    this.byNode = new NodeTable(nodeCount)
    this.zoneDelays = Array.from({ length: zoneCount }, () => new Histogram())
    this.buckets = Array.from({ length: Math.max(1, Math.ceil(durationMs / bucketMs)) }, emptyBucket)
  }

  isCounted(atMs: number): boolean {
    return atMs >= this.options.warmupMs
  }

  served(node: number, model: number, arrivedMs: number, delayMs: number, queueMs: number, from: ServedFrom): void {
    const bucket = this.bucketAt(arrivedMs)
    bucket.requestCount += 1
    bucket.delaySumMs += delayMs
    if (from === 'memory') bucket.memoryCount += 1
    else if (from === 'forwarded') bucket.forwardedCount += 1
    if (!this.isCounted(arrivedMs)) return
    this.servedBy[servedFromNames.indexOf(from)]! += 1
    this.queueDelay.add(queueMs)
    this.zoneDelays[this.options.zoneOf[node]!]!.add(delayMs)
    this.byModel.add(model, delayMs, from === 'memory')
    this.byNode.requestCount[node]! += 1
    this.byNode.delaySumMs[node]! += delayMs
    if (from === 'memory') this.byNode.memoryCount[node]! += 1
  }

  failed(arrivedMs: number, why: RequestFailure, wrongly: boolean): void {
    const bucket = this.bucketAt(arrivedMs)
    bucket.requestCount += 1
    bucket.failedCount += 1
    if (wrongly) this.wronglyFailedCount += 1
    if (this.isCounted(arrivedMs)) this.failedBy[failureNames.indexOf(why)]! += 1
  }

  /** It counted as served when it began to run; its node crashed before the end. */
  lostWhileRunning(arrivedMs: number, from: ServedFrom): void {
    this.bucketAt(arrivedMs).failedCount += 1
    if (!this.isCounted(arrivedMs)) return
    this.servedBy[servedFromNames.indexOf(from)]! -= 1
    this.failedBy[failureNames.indexOf('lost')]! += 1
  }

  /** What the origin sends is what it charges for, whether it arrives or not. */
  originSent(sizeBytes: number, nowMs: number): void {
    if (!this.isCounted(nowMs)) return
    this.originBytes += sizeBytes
    this.originRequestCount += 1
  }

  /** Of an answer that was broken off. */
  originCut(unsentBytes: number, nowMs: number): void {
    if (this.isCounted(nowMs)) this.originBytes -= unsentBytes
  }

  /** Bytes of a chunk that a node took over. */
  received(node: number, from: number | null, sizeBytes: number, nowMs: number): void {
    this.takenBytes += sizeBytes
    const bucket = this.bucketAt(nowMs)
    if (from === null) bucket.originBytes += sizeBytes
    else bucket.peerBytes += sizeBytes
    if (!this.isCounted(nowMs)) return
    if (from === null) {
      this.byNode.originBytes[node]! += sizeBytes
    } else {
      this.peerBytes += sizeBytes
      this.byNode.peerBytesIn[node]! += sizeBytes
      this.byNode.peerBytesOut[from]! += sizeBytes
    }
  }

  /** Bytes that came and were thrown away. */
  wasted(why: Waste, sizeBytes: number): void {
    this.wastedBy[wasteNames.indexOf(why)]! += sizeBytes
  }

  get wastedBytes(): number {
    return this.wastedBy.reduce((sum, bytes) => sum + bytes, 0)
  }

  evicted(node: number, reason: string, nowMs: number): void {
    this.bucketAt(nowMs).evictionCount += 1
    if (!this.isCounted(nowMs)) return
    this.evictionsByReason.set(reason, (this.evictionsByReason.get(reason) ?? 0) + 1)
    this.byNode.evictionCount[node]! += 1
  }

  replicated(reason: string, nowMs: number): void {
    this.bucketAt(nowMs).replicationCount += 1
    if (!this.isCounted(nowMs)) return
    this.replicationsByReason.set(reason, (this.replicationsByReason.get(reason) ?? 0) + 1)
  }

  found(checker: string, nowMs: number, problem: string): void {
    this.findings.push({ checker, atS: nowMs / 1_000, problem })
  }

  mark(nowMs: number, text: string): void {
    this.events.push({ atS: nowMs / 1_000, text })
  }

  bucketAt(atMs: number): Bucket {
    return this.buckets[Math.min(this.buckets.length - 1, Math.floor(atMs / this.options.bucketMs))]!
  }
}

/** Delays by model, for deciles: counts, sums and a histogram for those that were asked for. */
class ModelTable {
  readonly requestCount: Float64Array
  readonly memoryCount: Float64Array
  private readonly delays: (Histogram | undefined)[]

  constructor(count: number) {
    this.requestCount = new Float64Array(count)
    this.memoryCount = new Float64Array(count)
    this.delays = Array.from({ length: count })
  }

  add(model: number, delayMs: number, isMemory: boolean): void {
    this.requestCount[model]! += 1
    if (isMemory) this.memoryCount[model]! += 1
    if (delayMs > 0) this.histogram(model).add(delayMs)
  }

  /** Requests that did not wait, nearly all, are counted and not added one by one. */
  delaysOf(model: number): Histogram {
    const all = new Histogram()
    const known = this.delays[model]
    if (known !== undefined) all.merge(known)
    all.addZeros(this.requestCount[model]! - all.count)
    return all
  }

  private histogram(model: number): Histogram {
    const known = this.delays[model]
    if (known !== undefined) return known
    const made = new Histogram()
    this.delays[model] = made
    return made
  }
}

class NodeTable {
  readonly requestCount: Float64Array
  readonly memoryCount: Float64Array
  readonly delaySumMs: Float64Array
  readonly ranForOthersCount: Float64Array
  readonly originBytes: Float64Array
  readonly peerBytesIn: Float64Array
  readonly peerBytesOut: Float64Array
  readonly evictionCount: Float64Array

  constructor(count: number) {
    this.requestCount = new Float64Array(count)
    this.memoryCount = new Float64Array(count)
    this.delaySumMs = new Float64Array(count)
    this.ranForOthersCount = new Float64Array(count)
    this.originBytes = new Float64Array(count)
    this.peerBytesIn = new Float64Array(count)
    this.peerBytesOut = new Float64Array(count)
    this.evictionCount = new Float64Array(count)
  }
}

function emptyBucket(): Bucket {
  return {
    requestCount: 0,
    failedCount: 0,
    delaySumMs: 0,
    memoryCount: 0,
    forwardedCount: 0,
    originBytes: 0,
    peerBytes: 0,
    evictionCount: 0,
    replicationCount: 0,
    nodesUp: 0,
    memoryUsedBytes: 0,
  }
}
