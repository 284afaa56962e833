/**
 * What a ledger knows by model: who holds it, who fetches it, how much others want it. Kept only for models that were asked for,
 * and brought up to date by the difference that each entry makes; a model that changes more often than anybody asks is forgotten.
 *
 * Where many ledgers have begun on the same pages, one search of these serves all: then every change is followed from there on, and
 * nothing is forgotten, since what a ledger keeps of a model is no more than a reference to what others know as well.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import type { ModelChange } from './body-diff.ts'
import type { Interner } from './interner.ts'
import { isEqual, type ModelNodes } from './model-nodes.ts'
import type { PageSearch } from './page-search.ts'

/** Searches the whole ledger: what the first question for a model costs. */
export interface ModelSearch {
  nodes(model: ModelId): ModelNodes
  /** Of all nodes but this one, in millionths per second. */
  rateMicro(model: ModelId): number
}

interface Known {
  nodes: ModelNodes | null
  rateMicro: number | null
  /** Since the last sweep. */
  isAsked: boolean
  /** Changes since the last question. */
  changeCount: number
}

/** Changes without a question after which a model is forgotten: about what a search costs, and most are asked for in vain. */
const changesMax = 32

export class ModelIndex {
  private readonly interner: Interner
  private readonly search: ModelSearch
  private readonly modelsMax: number
  private readonly known = new Map<ModelId, Known>()
  /** What was so when `known` was empty last; null when that is not known. */
  private start: PageSearch | null = null

  /** @param modelsMax models kept; beyond it those not asked for since the last sweep are forgotten. */
  constructor(ports: { interner: Interner; search: ModelSearch }, modelsMax: number) {
    this.interner = ports.interner
    this.search = ports.search
    this.modelsMax = modelsMax
  }

  get size(): number {
    return this.known.size
  }

  nodes(model: ModelId): ModelNodes {
    const known = this.ask(model)
    known.nodes ??= this.search.nodes(model)
    return known.nodes
  }

  rateMicro(model: ModelId): number {
    // Shared pages keep their demand by model: to look there costs less than that each ledger follows each demand of each node.
    if (this.interner.pages.isShared) return this.search.rateMicro(model)
    const known = this.ask(model)
    known.rateMicro ??= this.search.rateMicro(model)
    return known.rateMicro
  }

  /** After the entry of the node took its place. */
  follow(index: number, isSelf: boolean, changes: readonly ModelChange[]): void {
    if (this.known.size === 0 && this.start === null) return
    if (changes[0]?.rateMicro !== undefined && this.interner.pages.isShared) return
    for (const change of changes) {
      const saysWho = change.holder !== undefined || change.fetching !== undefined
      const known = this.known.get(change.model) ?? (saysWho && this.start !== null ? this.add(change.model) : null)
      if (known === null) continue
      known.changeCount += 1
      if (known.changeCount > changesMax && this.start === null) {
        this.known.delete(change.model)
        continue
      }
      if (saysWho && known.nodes !== null) known.nodes = this.nodesAfter(known.nodes, index, change)
      if (change.rateMicro !== undefined && known.rateMicro !== null && !isSelf) known.rateMicro += change.rateMicro
    }
  }

  /** More changed than is worth following. `start` is asked for what holds from now on; null: the whole ledger is. */
  begin(start: PageSearch | null): void {
    this.known.clear()
    this.start = start
  }

  /** Forgets what was not asked for since the last time. */
  sweep(): void {
    for (const [model, known] of this.known) {
      if (!known.isAsked && this.start === null) this.known.delete(model)
      known.isAsked = false
    }
  }

  /** Searches everything again and compares. */
  checkInvariants(): void {
    for (const [model, { nodes, rateMicro }] of this.known) {
      const searched = nodes === null ? null : this.search.nodes(model)
      assertInvariant(
        nodes === null || (searched !== null && isEqual(nodes, searched)),
        `who has ${model} is kept right`,
      )
      const rate = rateMicro === null ? null : this.search.rateMicro(model)
      assertInvariant(rateMicro === rate, `the demand for ${model} is ${rate}, ${rateMicro} kept`)
    }
  }

  private ask(model: ModelId): Known {
    const known = this.known.get(model) ?? this.add(model)
    known.isAsked = true
    known.changeCount = 0
    return known
  }

  private add(model: ModelId): Known {
    if (this.known.size >= this.modelsMax) this.makeRoom()
    const nodes = this.start?.nodesWith(model) ?? null
    const added: Known = { nodes, rateMicro: null, isAsked: false, changeCount: 0 }
    this.known.set(model, added)
    return added
  }

  private makeRoom(): void {
    // What was so at the start is out of date for a model that was forgotten.
    if (this.start !== null) {
      this.begin(null)
      return
    }
    this.sweep()
    // All of them are in use: the oldest half goes, and is searched again when it is asked for.
    let surplus = this.known.size - Math.floor(this.modelsMax / 2)
    for (const model of this.known.keys()) {
      if (surplus <= 0) return
      this.known.delete(model)
      surplus -= 1
    }
  }

  private nodesAfter(nodes: ModelNodes, index: number, change: ModelChange): ModelNodes {
    const { models, pages } = this.interner
    return models.next(nodes, index, change, pages.isShared)
  }
}
