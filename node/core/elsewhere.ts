/**
 * What the other nodes have of a model, and who is its keeper: the ground of what a copy here is worth (placement/marginal-cost.ts).
 *
 * Answers are kept for a moment. Gossip is older than that anyway, and a plan asks for every model of a tier: without it a node
 * that evicts often would look through all holders of all its models each time.
 */
import { transferMs } from '../../placement/cost.ts'
import type { CopiesView, ElsewhereView } from '../../placement/marginal-cost.ts'
import { hashText, pairWeight } from '../../placement/rendezvous.ts'
import type { ModelId, Tier } from '../../placement/types.ts'
import type { StateBody } from './events.ts'
import type { Ledger } from './ledger.ts'
import { originKey, type SourceBook, type SpeedEstimate } from './source-book.ts'

export interface ElsewhereOptions {
  /** A fifth of the shortest interval of placement, and no more than gossip takes to tell of a change. */
  readonly freshMs: number
  /** Answers kept; beyond it all are forgotten. Some 300 bytes each. */
  readonly answersMax: number
}

export const defaultElsewhereOptions: ElsewhereOptions = { freshMs: 2_000, answersMax: 8_192 }

export interface ElsewherePorts {
  readonly ledger: Ledger
  readonly book: SourceBook
  readonly selfIndex: number
  /** Of this node's own disk, which others are taken to be like. */
  readonly disk: SpeedEstimate
  hashOf(index: number): number
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
    for (const { index, resident } of ledger.holdersOf(model)) {
      const state = this.usable(index, nowMs)
      if (state === null) continue
      const isNear = this.ports.isSameZone(index)
      this.count(isNear ? near : far, index, state, { sizeBytes, tier: resident.tier, diskMs })
      const weight = pairWeight(modelHash, hashOf(index))
      // Equal weights, one in four billion: both are keepers, and nothing is lost.
      if (weight <= own) continue
      isKeeper = false
      if (isNear) isZoneKeeper = false
      if (resident.tier !== 'disk') isMemoryKeeper = false
    }
    for (const index of ledger.fetchersOf(model)) {
      if (this.usable(index, nowMs) !== null) (this.ports.isSameZone(index) ? near : far).arrivingCount += 1
    }
    const originMs = originAllowed
      ? transferMs(sizeBytes, { source: 'origin', ...book.estimate(originKey, null) })
      : Number.POSITIVE_INFINITY
    return { near, far, originMs, isKeeper, isZoneKeeper, isMemoryKeeper }
  }

  private count(
    copies: Mutable<CopiesView>,
    index: number,
    { queueMs, bulkAddress }: StateBody,
    { sizeBytes, tier, diskMs }: { readonly sizeBytes: number; readonly tier: Tier; readonly diskMs: number },
  ): void {
    const speed = this.ports.speedOf(index)
    copies.copyCount += 1
    if (bulkAddress !== '') {
      copies.transferMs = Math.min(copies.transferMs, transferMs(sizeBytes, { source: 'peer', ...speed }))
    }
    const forwardMs = speed.latencyMs + queueMs
    if (tier === 'disk') copies.diskForwardMs = Math.min(copies.diskForwardMs, forwardMs + diskMs)
    else copies.memoryForwardMs = Math.min(copies.memoryForwardMs, forwardMs)
  }

  /** Null for this node itself, and for one that is not to be counted on. */
  private usable(index: number, nowMs: number): StateBody | null {
    const state = index === this.ports.selfIndex ? null : this.ports.ledger.get('state', index)?.body
    return state === undefined || state === null || state.draining || this.ports.isAvoided(index, nowMs) ? null : state
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
