/**
 * How often a node may speak, so that what every node receives stays within a budget of bytes, whatever the size of the cluster.
 *
 * Every node receives everything, so the budget is shared by all. The foreground (who holds what, who is suspected) goes out at once: it decides
 * where requests go, and it comes as often as models move. What it leaves of the budget is shared evenly by the background:
 * load, demand, and a sign that the node is still there. All nodes receive the same foreground and count the same nodes, so they come to the same
 * shares without talking about it. When the foreground alone exceeds the budget, every node waits longer between two of its entries, until it
 * does not.
 */
import type { SignedEntry } from '../events.ts'
import { entryFormat, roughRateBytes } from './entry-format.ts'

export interface GossipPaceOptions {
  /**
   * Bytes that a node receives by gossip per second, over minutes, repeated copies and framing included: about 20 kB/s with version
   * summaries and lists of ids, which a thin line does not notice. Foreground above three quarters of it is delayed, though that makes it no less where
   * each node speaks rarely.
   */
  readonly budgetBytesPerS: number
  /**
   * How often a message reaches a node: the mesh sends it over every link, on some in both directions, and its author to all neighbours.
   * Measured in the simulator, with the mesh of net/gossip.ts: 3.7 times among 1,000 nodes, 4.4 among 100.
   */
  readonly copies: number
  /** Topic, frame, muxer and encryption around one entry, and its id in the lists of what was seen; per copy. */
  readonly framingBytes: number
  /** The background keeps this share of the budget in percent, however much foreground there is, so that demand does not go stale. */
  readonly backgroundPercentMin: number
  /** The time over which the rate of the foreground is judged. */
  readonly windowMs: number
  /** Weight of the last window in the rate, in percent: about four windows count. */
  readonly windowWeightPercent: number
  /** Longest stretch of the intervals between foreground entries, as a factor. At half a second between them it is half a minute. */
  readonly stretchMax: number
  /** Longest time between two entries of background. A third of the ledger's longest expiry. */
  readonly intervalMsMax: number
  /** Models in a demand entry: the tail below is not worth its bytes. */
  readonly demandModelsMax: number
  /** In a large cluster fewer, so many that demand can be published about every `demandPeriodMs`, but not below this. */
  readonly demandModelsMin: number
  readonly demandPeriodMs: number
}

export const defaultGossipPaceOptions: GossipPaceOptions = {
  budgetBytesPerS: 18_700,
  copies: 4,
  framingBytes: 130,
  backgroundPercentMin: 25,
  windowMs: 5_000,
  windowWeightPercent: 25,
  stretchMax: 60,
  intervalMsMax: 1_200_000,
  demandModelsMax: 64,
  demandModelsMin: 8,
  demandPeriodMs: 60_000,
}

/** Kinds that share what the foreground leaves. */
const backgroundKindCount = 2

export class GossipPace {
  private readonly options: GossipPaceOptions
  private windowStartMs = Number.NaN
  private windowBytes = 0
  private newsBytesPerS = 0
  private newsStretch = 1

  constructor(options: GossipPaceOptions = defaultGossipPaceOptions) {
    this.options = options
  }

  /** An entry that was new to this node, or its own. */
  received(signed: SignedEntry, nowMs: number): void {
    if (isForegroundKind(signed)) {
      this.windowBytes += roughBytes(signed) + this.options.framingBytes
    }
    // Not `elapsed >= window`: the first time there is no window yet.
    if (!(nowMs - this.windowStartMs < this.options.windowMs)) this.turn(nowMs)
  }

  /** Many entries in one instant, as if one by one. Others than the first cannot begin a window. */
  receivedAll(first: SignedEntry, foregroundCount: number, foregroundBytes: number, nowMs: number): void {
    this.received(first, nowMs)
    const isForeground = isForegroundKind(first)
    const restCount = foregroundCount - (isForeground ? 1 : 0)
    this.windowBytes += foregroundBytes - (isForeground ? roughBytes(first) : 0) + restCount * this.options.framingBytes
  }

  /** Between two residencies or suspicions, as a multiple of the usual interval. */
  get stretch(): number {
    return this.newsStretch
  }

  /** Between two entries of one background kind of this size, in a cluster of so many nodes. */
  backgroundMs(entryBytes: number, nodeCount: number): number {
    const { copies, framingBytes, intervalMsMax } = this.options
    const perNodeBytesPerS = this.backgroundBytesPerS / (Math.max(1, nodeCount) * copies)
    return Math.min(intervalMsMax, (1_000 * (entryBytes + framingBytes)) / perNodeBytesPerS)
  }

  /** Models of which a demand entry speaks, in a cluster of so many nodes. */
  demandModelCount(nodeCount: number): number {
    const { copies, framingBytes, demandModelsMin, demandModelsMax, demandPeriodMs } = this.options
    const messageBytes = ((this.backgroundBytesPerS / (Math.max(1, nodeCount) * copies)) * demandPeriodMs) / 1_000
    const count = Math.floor((messageBytes - framingBytes - roughHeadBytes) / roughRateBytes)
    return Math.max(demandModelsMin, Math.min(demandModelsMax, count))
  }

  /** For one kind, of all nodes together. */
  private get backgroundBytesPerS(): number {
    const { budgetBytesPerS, backgroundPercentMin, copies } = this.options
    const least = (budgetBytesPerS * backgroundPercentMin) / 100
    return Math.max(least, budgetBytesPerS - this.newsBytesPerS * copies) / backgroundKindCount
  }

  private turn(nowMs: number): void {
    const { windowMs, windowWeightPercent, budgetBytesPerS, backgroundPercentMin, copies, stretchMax } = this.options
    if (!Number.isNaN(this.windowStartMs)) {
      // A silence of many windows is one window of silence for each.
      const elapsedMs = nowMs - this.windowStartMs
      const kept = (1 - windowWeightPercent / 100) ** (elapsedMs / windowMs)
      const bytesPerS = (this.windowBytes * 1_000) / elapsedMs
      this.newsBytesPerS = this.newsBytesPerS * kept + bytesPerS * (1 - kept)
      // The square root: half a step per window, so that all who take it at once do not swing to and fro.
      const newsBudget = (budgetBytesPerS * (100 - backgroundPercentMin)) / 100
      const change = Math.sqrt((bytesPerS * copies) / newsBudget)
      this.newsStretch = Math.max(1, Math.min(stretchMax, this.newsStretch * Math.max(0.5, Math.min(2, change))))
    }
    this.windowStartMs = nowMs
    this.windowBytes = 0
  }
}

export function isForegroundKind({ entry }: SignedEntry): boolean {
  return entryFormat[entry.kind].isForeground
}

/** Near enough for a pace, without a pass over the lists: the head and signature of an envelope, and some bytes per item. */
export function roughBytes({ entry, envelope }: SignedEntry): number {
  return envelope?.byteLength ?? roughHeadBytes + entryFormat[entry.kind].roughBytes(entry.body as never)
}

const roughHeadBytes = 190
