/**
 * Copies of a model on other nodes, and whether this node is its primary holder: the ground of what a copy here is worth (placement/cost/marginal-cost.ts).
 *
 * Answers are kept for a moment. Gossip is older than that anyway, and a plan asks for every model of a tier: without it a node
 * that evicts often would look through all holders of all its models each time.
 */

import { hashText, type ModelId, pairWeight, slowestTier } from '../../common/index.ts'
import { type CopiesView, type ElsewhereView, transferMs, transferMsAt } from '../../placement/index.ts'
import type { Interner } from '../cluster/interner.ts'
import type { Ledger } from '../cluster/ledger.ts'
import {
  bandwidthAt,
  forwardAt,
  isNear,
  isSource,
  isUsable,
  latencyAt,
  type NodeFacts,
  rowWidth,
} from '../cluster/node-facts.ts'
import { isDraining, isSender } from '../cluster/state-marks.ts'
import { originKey, type SourceStats, type SpeedEstimate } from '../transfer/source-stats.ts'

export interface ElsewhereOptions {
  /** A fifth of the shortest interval of placement, and no more than gossip takes to tell of a change. */
  readonly freshMs: number
  /** Answers kept; beyond it all are forgotten. Some 300 bytes each. */
  readonly answersMax: number
}

export const defaultElsewhereOptions: ElsewhereOptions = { freshMs: 2_000, answersMax: 8_192 }

export interface ElsewherePorts {
  readonly interner: Interner
  readonly facts: NodeFacts
  readonly ledger: Ledger
  readonly sourceStats: SourceStats
  readonly selfIndex: number
  /** Of this node's own disk, which others are taken to be like. */
  readonly disk: SpeedEstimate
  /** Rises whenever anything changes that the questions below are answered from. */
  revision(): number
  /** Suspected, or caught with a wrong chunk. */
  isAvoided(index: number, nowMs: number): boolean
  isSameZone(index: number): boolean
  speedOf(index: number): SpeedEstimate
}

export interface ModelFacts {
  readonly model: ModelId
  readonly sizeBytes: number
  readonly initMs: number
  readonly originAllowed: boolean
}

interface Answer {
  readonly atMs: number
  readonly originAllowed: boolean
  readonly elsewhere: ElsewhereView
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class RemoteCopies {
  private readonly ports: ElsewherePorts
  private readonly options: ElsewhereOptions
  private readonly answers = new Map<ModelId, Answer>()

  constructor(ports: ElsewherePorts, options: ElsewhereOptions = defaultElsewhereOptions) {
    this.ports = ports
    this.options = options
  }

  of(facts: ModelFacts, nowMs: number): ElsewhereView {
    const known = this.answers.get(facts.model)
    if (
      known !== undefined &&
      nowMs - known.atMs < this.options.freshMs &&
      known.originAllowed === facts.originAllowed
    ) {
      return known.elsewhere
    }
    const elsewhere = this.look(facts, nowMs)
    if (this.answers.size >= this.options.answersMax) this.answers.clear()
    this.answers.set(facts.model, { atMs: nowMs, originAllowed: facts.originAllowed, elsewhere })
    return elsewhere
  }

  private look({ model, sizeBytes, initMs, originAllowed }: ModelFacts, nowMs: number): ElsewhereView {
    const { ledger, sourceStats, selfIndex, interner } = this.ports
    const near = noneYet()
    const far = noneYet()
    const modelHash = hashText(model)
    const own = pairWeight(modelHash, interner.hash(selfIndex))
    let isPrimaryHolder = true
    let isZonePrimary = true
    let isMemoryPrimary = true
    const diskMs = transferMs(sizeBytes, { source: slowestTier, ...this.ports.disk }) + initMs
    const facts = this.factsNow(nowMs)
    const { flags, rows } = facts
    const { holders, residents, fetchers } = ledger.nodesWith(model)
    for (let at = 0; at < holders.length; at += 1) {
      const index = holders[at]!
      if (!facts.isFound(index)) this.find(facts, index, nowMs)
      const flag = flags[index]!
      if (flag === 0) continue
      const row = index * rowWidth
      const isInZone = (flag & isNear) !== 0
      const isOnDisk = residents[at]!.tier === slowestTier
      const copies = isInZone ? near : far
      copies.copyCount += 1
      if ((flag & isSource) !== 0) {
        const bytesMs = transferMsAt(sizeBytes, rows[row + latencyAt]!, rows[row + bandwidthAt]!)
        if (bytesMs < copies.transferMs) copies.transferMs = bytesMs
      }
      const directMs = rows[row + forwardAt]!
      if (isOnDisk) copies.diskForwardMs = Math.min(copies.diskForwardMs, directMs + diskMs)
      else if (directMs < copies.memoryForwardMs) copies.memoryForwardMs = directMs
      // Equal weights, one in four billion: both are primary holders, and nothing is lost.
      if (pairWeight(modelHash, interner.hash(index)) <= own) continue
      isPrimaryHolder = false
      if (isInZone) isZonePrimary = false
      if (!isOnDisk) isMemoryPrimary = false
    }
    for (const index of fetchers) {
      if (!facts.isFound(index)) this.find(facts, index, nowMs)
      const flag = flags[index]!
      if (flag !== 0) ((flag & isNear) !== 0 ? near : far).arrivingCount += 1
    }
    const originMs = originAllowed
      ? transferMs(sizeBytes, { source: 'origin', ...sourceStats.estimate(originKey, null) })
      : Number.POSITIVE_INFINITY
    return { near, far, originMs, isPrimaryHolder, isZonePrimary, isMemoryPrimary }
  }

  private factsNow(nowMs: number): NodeFacts {
    const { facts, interner } = this.ports
    facts.begin(this, nowMs, this.ports.revision(), interner.count)
    return facts
  }

  private find(facts: NodeFacts, index: number, nowMs: number): void {
    const { selfIndex, ledger, isAvoided, isSameZone, speedOf } = this.ports
    const mark = index === selfIndex ? 0 : ledger.stateMark(index)
    if (mark === 0 || (mark & isDraining) !== 0 || isAvoided(index, nowMs)) {
      facts.skip(index)
      return
    }
    const flags = isUsable + (isSameZone(index) ? isNear : 0) + ((mark & isSender) !== 0 ? isSource : 0)
    facts.found(index, flags, speedOf(index), ledger.queueMs(index))
  }
}

function noneYet(): Mutable<CopiesView> {
  return {
    copyCount: 0,
    arrivingCount: 0,
    transferMs: Number.POSITIVE_INFINITY,
    memoryForwardMs: Number.POSITIVE_INFINITY,
    diskForwardMs: Number.POSITIVE_INFINITY,
  }
}
