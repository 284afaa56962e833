/**
 * What the other nodes have of a model, and who is its keeper: the ground of what a copy here is worth (placement/marginal-cost.ts).
 *
 * Answers are kept for a moment. Gossip is older than that anyway, and a plan asks for every model of a tier: without it a node
 * that evicts often would look through all holders of all its models each time.
 */
import { transferMs, transferMsAt } from '../../placement/cost.ts'
import type { CopiesView, ElsewhereView } from '../../placement/marginal-cost.ts'
import { hashText, pairWeight } from '../../placement/rendezvous.ts'
import type { ModelId } from '../../placement/types.ts'
import type { Interner } from './interner.ts'
import type { Ledger } from './ledger.ts'
import { isNear, isSource, isUsable, type NodeFacts } from './node-facts.ts'
import { originKey, type SourceBook, type SpeedEstimate } from './source-book.ts'

export interface ElsewhereOptions {
  /** A fifth of the shortest interval of placement, and no more than gossip takes to tell of a change. */
  readonly freshMs: number
  /** Answers kept; beyond it all are forgotten. Some 300 bytes each. */
  readonly answersMax: number
}

export const defaultElsewhereOptions: ElsewhereOptions = { freshMs: 2_000, answersMax: 8_192 }

export interface ElsewherePorts {
  readonly interner: Interner
  readonly ledger: Ledger
  readonly book: SourceBook
  readonly selfIndex: number
  /** Of this node's own disk, which others are taken to be like. */
  readonly disk: SpeedEstimate
  hashOf(index: number): number
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

export class Elsewhere {
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
    const { ledger, book, selfIndex, hashOf } = this.ports
    const near = noneYet()
    const far = noneYet()
    const modelHash = hashText(model)
    const own = pairWeight(modelHash, hashOf(selfIndex))
    let isKeeper = true
    let isZoneKeeper = true
    let isMemoryKeeper = true
    const diskMs = transferMs(sizeBytes, { source: 'disk', ...this.ports.disk }) + initMs
    const facts = this.factsNow(nowMs)
    for (const { index, resident } of ledger.holdersOf(model)) {
      const flags = this.flagsOf(facts, index, nowMs)
      if (flags === 0) continue
      const isInZone = (flags & isNear) !== 0
      const isOnDisk = resident.tier === 'disk'
      const copies = isInZone ? near : far
      copies.copyCount += 1
      if ((flags & isSource) !== 0) {
        const bytesMs = transferMsAt(sizeBytes, facts.latencyMs[index]!, facts.bandwidthBytesPerS[index]!)
        if (bytesMs < copies.transferMs) copies.transferMs = bytesMs
      }
      const forwardMs = facts.forwardMs[index]!
      if (isOnDisk) copies.diskForwardMs = Math.min(copies.diskForwardMs, forwardMs + diskMs)
      else if (forwardMs < copies.memoryForwardMs) copies.memoryForwardMs = forwardMs
      // Equal weights, one in four billion: both are keepers, and nothing is lost.
      if (pairWeight(modelHash, hashOf(index)) <= own) continue
      isKeeper = false
      if (isInZone) isZoneKeeper = false
      if (!isOnDisk) isMemoryKeeper = false
    }
    for (const index of ledger.fetchersOf(model)) {
      const flags = this.flagsOf(facts, index, nowMs)
      if (flags !== 0) ((flags & isNear) !== 0 ? near : far).arrivingCount += 1
    }
    const originMs = originAllowed
      ? transferMs(sizeBytes, { source: 'origin', ...book.estimate(originKey, null) })
      : Number.POSITIVE_INFINITY
    return { near, far, originMs, isKeeper, isZoneKeeper, isMemoryKeeper }
  }

  private factsNow(nowMs: number): NodeFacts {
    const { interner } = this.ports
    interner.facts.begin(this, nowMs, this.ports.revision(), interner.count)
    return interner.facts
  }

  /** 0 for this node itself, and for one that is not to be counted on. */
  private flagsOf(facts: NodeFacts, index: number, nowMs: number): number {
    if (!facts.isFound(index)) this.find(facts, index, nowMs)
    return facts.flags[index]!
  }

  private find(facts: NodeFacts, index: number, nowMs: number): void {
    const { selfIndex, ledger } = this.ports
    const state = index === selfIndex ? undefined : ledger.get('state', index)?.body
    if (state === undefined || state.draining || this.ports.isAvoided(index, nowMs)) {
      facts.skip(index)
      return
    }
    const flags = isUsable + (this.ports.isSameZone(index) ? isNear : 0) + (state.bulkAddress === '' ? 0 : isSource)
    facts.found(index, flags, this.ports.speedOf(index), state.queueMs)
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
