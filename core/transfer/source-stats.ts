/**
 * What the fetch plan knows of each source, over all fetches: speed as it was seen, load by our own flights, pauses after a
 * failure and distrust after a wrong chunk. A source is a node id or the origin.
 */

import { assertInvariant, type NodeId } from '../../common/index.ts'
import { defaultRankSourcesOptions as rank } from '../../placement/index.ts'
import type { ChunkSource } from '../events.ts'
import { SiteBudget } from './site-budget.ts'

/** A node id, or `originKey`. */
export type SourceKey = NodeId

/** No node id is empty. */
export const originKey: SourceKey = ''

export function keyOf(source: ChunkSource): SourceKey {
  return source.kind === 'peer' ? source.node : originKey
}

export function sourceOf(key: SourceKey): ChunkSource {
  return key === originKey ? { kind: 'origin' } : { kind: 'peer', node: key }
}

export interface SpeedEstimate {
  readonly latencyMs: number
  readonly bandwidthBytesPerS: number
}

export interface SourceStatsOptions {
  /** Guesses until something was measured: those of rankSources() for peers, a store far away for the origin. */
  readonly sameZone: SpeedEstimate
  readonly otherZone: SpeedEstimate
  readonly origin: SpeedEstimate
  /** Weight of a new sample, in percent: about the last seven chunks count. */
  readonly sampleWeightPercent: number
  /** Smaller chunks say more about latency than about bandwidth. */
  readonly sampleBytesMin: number
  /** Chunks that come within this time are one sample: those of several connections come together. */
  readonly sampleMsMin: number
  /** The same for what comes from all sources together. */
  readonly receivedMs: number
  /** How long a measured bandwidth is good enough to refuse a request by. */
  readonly sureForMs: number
  /** Pause after a source failed or was busy; doubles up to the longest with each failure in a row. */
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** A node that sent a wrong chunk is no source for this long: it is broken or hostile, and neither mends in minutes. */
  readonly distrustMs: number
  /** How long a source that sent nothing is left alone after it was last said so. */
  readonly silentForMs: number
}

export const defaultSourceStatsOptions: SourceStatsOptions = {
  sameZone: { latencyMs: rank.nearRttMs, bandwidthBytesPerS: rank.nearBandwidthBytesPerS },
  otherZone: { latencyMs: rank.farRttMs, bandwidthBytesPerS: rank.farBandwidthBytesPerS },
  origin: { latencyMs: 60, bandwidthBytesPerS: 50_000_000 },
  sampleWeightPercent: 25,
  sampleBytesMin: 65_536,
  sampleMsMin: 20,
  receivedMs: 500,
  sureForMs: 60_000,
  pauseMs: 100,
  pauseMsMax: 3_000,
  distrustMs: 600_000,
  silentForMs: 10_000,
}

interface Page {
  bandwidthBytesPerS: number | null
  /** The bandwidth, and what it gave others meanwhile. */
  capacityBytesPerS: number | null
  measuredAtMs: number
  /** Since the last sample, or since the source was first asked after a pause. */
  sampleSinceMs: number
  sampleBytes: number
  latencyMs: number | null
  flights: number
  flightBytes: number
  failuresInARow: number
  pausedSinceMs: number
  pausedUntilMs: number
  distrustedUntilMs: number
  /** It sends nothing of what was asked of it. */
  silentSinceMs: number
  silentUntilMs: number
}

export class SourceStats {
  private readonly options: SourceStatsOptions
  private readonly pages = new Map<SourceKey, Page>()
  private lastDistrustUntilMs = Number.NEGATIVE_INFINITY
  private lastSilentUntilMs = Number.NEGATIVE_INFINITY
  private changes = 0
  private readonly received = { bytes: 0, sinceMs: Number.NEGATIVE_INFINITY, bytesPerS: 0 }
  /** By an operator, until an operator says otherwise. */
  private readonly banned = new Set<SourceKey>()
  private readonly site: SiteBudget
  private readonly isNear: (node: NodeId) => boolean

  /**
   * @param site pays for what comes from the origin and from nodes that are not near.
   * @param isNear of this node's zone.
   */
  constructor(
    options: SourceStatsOptions = defaultSourceStatsOptions,
    site: SiteBudget = new SiteBudget(() => 0),
    isNear: (node: NodeId) => boolean = () => true,
  ) {
    this.options = options
    this.site = site
    this.isNear = isNear
  }

  /** Rises whenever an estimate or a distrust may have changed. */
  get revision(): number {
    return this.changes
  }

  /** `peer` null: the origin, whose latency is the time of its fastest small chunk. `rttMs` null: not measured. */
  estimate(key: SourceKey, peer: { rttMs: number | null; sameZone: boolean } | null): SpeedEstimate {
    const guess = peer === null ? this.options.origin : peer.sameZone ? this.options.sameZone : this.options.otherZone
    const page = this.pages.get(key)
    return {
      latencyMs: peer?.rttMs ?? page?.latencyMs ?? guess.latencyMs,
      bandwidthBytesPerS: page?.bandwidthBytesPerS ?? guess.bandwidthBytesPerS,
    }
  }

  /** The first half of an estimate of a peer. */
  latencyMs(key: SourceKey, rttMs: number | null, isSameZone: boolean): number {
    if (rttMs !== null) return rttMs
    const { sameZone, otherZone } = this.options
    return this.pages.get(key)?.latencyMs ?? (isSameZone ? sameZone : otherZone).latencyMs
  }

  /** Its bandwidth was measured so lately that it may be counted on. */
  isMeasured(key: SourceKey, nowMs: number): boolean {
    return nowMs - (this.pages.get(key)?.measuredAtMs ?? Number.NEGATIVE_INFINITY) <= this.options.sureForMs
  }

  /** null until something was measured. */
  bandwidthBytesPerS(key: SourceKey): number | null {
    return this.pages.get(key)?.bandwidthBytesPerS ?? null
  }

  /** From all sources together, when it was most lately. */
  get receivedBytesPerS(): number {
    return this.received.bytesPerS
  }

  /** What it sends to all that are known to ask it; null until something was measured. */
  capacityBytesPerS(key: SourceKey): number | null {
    return this.pages.get(key)?.capacityBytesPerS ?? null
  }

  failuresInARow(key: SourceKey): number {
    return this.pages.get(key)?.failuresInARow ?? 0
  }

  flights(key: SourceKey): number {
    return this.pages.get(key)?.flights ?? 0
  }

  flightBytes(key: SourceKey): number {
    return this.pages.get(key)?.flightBytes ?? 0
  }

  started(key: SourceKey, sizeBytes: number, nowMs: number): void {
    const page = this.page(key)
    if (page.flights === 0) {
      page.sampleSinceMs = nowMs
      page.sampleBytes = 0
    }
    page.flights += 1
    page.flightBytes += sizeBytes
    if (this.isWide(key)) this.site.charge(sizeBytes)
  }

  /** `flownMs`: how long a flight had been under way that did not bring its chunk; null for one that did. */
  ended(key: SourceKey, sizeBytes: number, flownMs: number | null): void {
    const page = this.page(key)
    if (flownMs !== null && this.isWide(key)) {
      // What of it came by then nobody knows; at most what the source sends in that time.
      const { bandwidthBytesPerS } = this.estimate(key, key === originKey ? null : { rttMs: null, sameZone: false })
      this.site.giveBack(Math.max(0, sizeBytes - (bandwidthBytesPerS * flownMs) / 1_000))
    }
    page.flights -= 1
    page.flightBytes -= sizeBytes
    assertInvariant(page.flights >= 0 && page.flightBytes >= 0, 'a flight ends once')
  }

  /**
   * Call before `ended`. What comes between two samples is counted as it comes, whichever flights ran side by side.
   *
   * `othersCount`: flights of other nodes at the source, as far as they are known.
   */
  delivered(
    key: SourceKey,
    {
      sizeBytes,
      elapsedMs,
      othersCount = 0,
      nowMs,
    }: {
      readonly sizeBytes: number
      readonly elapsedMs: number
      readonly othersCount?: number
      readonly nowMs: number
    },
  ): void {
    const page = this.page(key)
    this.changes += 1
    this.count(sizeBytes, nowMs)
    page.failuresInARow = 0
    page.pausedUntilMs = Number.NEGATIVE_INFINITY
    page.silentUntilMs = Number.NEGATIVE_INFINITY
    if (sizeBytes < this.options.sampleBytesMin) {
      page.latencyMs = Math.min(page.latencyMs ?? elapsedMs, elapsedMs)
      return
    }
    page.sampleBytes += sizeBytes
    const sinceMs = page.flights > 1 ? nowMs - page.sampleSinceMs : Math.max(elapsedMs, nowMs - page.sampleSinceMs)
    if (sinceMs < this.options.sampleMsMin && page.flights > 1) return
    const bytesPerS = (page.sampleBytes * 1_000) / Math.max(1, sinceMs)
    const sharers = 1 + othersCount / Math.max(1, page.flights)
    page.sampleSinceMs = nowMs
    page.sampleBytes = 0
    page.bandwidthBytesPerS = this.averaged(page.bandwidthBytesPerS, bytesPerS)
    page.measuredAtMs = nowMs
    page.capacityBytesPerS = this.averaged(page.capacityBytesPerS, bytesPerS * sharers)
  }

  /** False when the source was paused already: flights that were under way together fail together, which is one failure. */
  pause(key: SourceKey, nowMs: number): boolean {
    const page = this.page(key)
    if (page.pausedUntilMs > nowMs) return false
    if (page.failuresInARow === 0) page.pausedSinceMs = nowMs
    page.failuresInARow += 1
    const doubledMs = this.options.pauseMs * 2 ** Math.min(page.failuresInARow - 1, 20)
    page.pausedUntilMs = nowMs + Math.min(doubledMs, this.options.pauseMsMax)
    return true
  }

  /** It has sent nothing of what was asked of it for so long; 0: it does again. */
  silent(key: SourceKey, silentMs: number, nowMs: number): void {
    const page = this.page(key)
    page.silentSinceMs = nowMs - silentMs
    page.silentUntilMs = silentMs === 0 ? Number.NEGATIVE_INFINITY : nowMs + this.options.silentForMs
    this.lastSilentUntilMs = Math.max(this.lastSilentUntilMs, page.silentUntilMs)
  }

  /** It is to be left alone, and others are to be asked for what it was asked for. */
  isSilent(key: SourceKey, nowMs: number): boolean {
    return this.mayBeSilent(nowMs) && (this.pages.get(key)?.silentUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs
  }

  /** False when no source is silent. */
  mayBeSilent(nowMs: number): boolean {
    return this.lastSilentUntilMs > nowMs
  }

  /** The node is back: try it at once. */
  resume(key: SourceKey): void {
    const page = this.pages.get(key)
    if (page === undefined) return
    page.silentUntilMs = Number.NEGATIVE_INFINITY
    page.failuresInARow = 0
    page.pausedUntilMs = Number.NEGATIVE_INFINITY
  }

  /** Not to be asked now: it failed a moment ago, sends nothing, or the site may not take more from there. */
  isPaused(key: SourceKey, nowMs: number): boolean {
    if ((this.pages.get(key)?.pausedUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs) return true
    if (this.isSilent(key, nowMs)) return true
    return this.isWide(key) && !this.site.isOpen(nowMs)
  }

  /** How long the source has delivered nothing but failures; 0 when its last answer was good. */
  failingForMs(key: SourceKey, nowMs: number): number {
    const page = this.pages.get(key)
    if (page === undefined) return 0
    const failingMs = page.failuresInARow === 0 ? 0 : nowMs - page.pausedSinceMs
    return this.isSilent(key, nowMs) ? Math.max(failingMs, nowMs - page.silentSinceMs) : failingMs
  }

  distrust(key: SourceKey, nowMs: number): void {
    this.changes += 1
    this.page(key).distrustedUntilMs = nowMs + this.options.distrustMs
    this.lastDistrustUntilMs = Math.max(this.lastDistrustUntilMs, nowMs + this.options.distrustMs)
  }

  setBanned(key: SourceKey, banned: boolean): void {
    this.changes += 1
    if (banned) this.banned.add(key)
    else this.banned.delete(key)
  }

  isDistrusted(key: SourceKey, nowMs: number): boolean {
    if (this.banned.size > 0 && this.banned.has(key)) return true
    if (this.lastDistrustUntilMs <= nowMs) return false
    return (this.pages.get(key)?.distrustedUntilMs ?? Number.NEGATIVE_INFINITY) > nowMs
  }

  /** Flights by source, for the recount of the plan's invariants. */
  *allFlights(): Iterable<[SourceKey, { flights: number; flightBytes: number }]> {
    for (const [key, page] of this.pages) yield [key, { flights: page.flights, flightBytes: page.flightBytes }]
  }

  /** The ledger forgot the node: keep only what must outlive it. */
  forget(key: SourceKey, nowMs: number): void {
    this.changes += 1
    const page = this.pages.get(key)
    if (page !== undefined && page.flights === 0 && page.distrustedUntilMs <= nowMs) this.pages.delete(key)
  }

  private isWide(key: SourceKey): boolean {
    return this.site.isLimited && (key === originKey || !this.isNear(key))
  }

  private count(sizeBytes: number, nowMs: number): void {
    const { received, options } = this
    received.bytes += sizeBytes
    const sinceMs = nowMs - received.sinceMs
    if (sinceMs < options.receivedMs) return
    const bytesPerS = sinceMs > 4 * options.receivedMs ? 0 : (received.bytes * 1_000) / sinceMs
    const weight = options.sampleWeightPercent / 100
    received.bytesPerS = Math.max(bytesPerS, received.bytesPerS * (1 - weight))
    received.bytes = 0
    received.sinceMs = nowMs
  }

  private averaged(former: number | null, sample: number): number {
    const weight = this.options.sampleWeightPercent / 100
    return former === null ? sample : former * (1 - weight) + sample * weight
  }

  private page(key: SourceKey): Page {
    const known = this.pages.get(key)
    if (known !== undefined) return known
    const page: Page = {
      bandwidthBytesPerS: null,
      capacityBytesPerS: null,
      measuredAtMs: Number.NEGATIVE_INFINITY,
      sampleSinceMs: 0,
      sampleBytes: 0,
      latencyMs: null,
      flights: 0,
      flightBytes: 0,
      failuresInARow: 0,
      pausedSinceMs: Number.NEGATIVE_INFINITY,
      pausedUntilMs: Number.NEGATIVE_INFINITY,
      distrustedUntilMs: Number.NEGATIVE_INFINITY,
      silentSinceMs: Number.NEGATIVE_INFINITY,
      silentUntilMs: Number.NEGATIVE_INFINITY,
    }
    this.pages.set(key, page)
    return page
  }
}
