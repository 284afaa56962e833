/**
 * What a ledger knows by model: who holds it, who fetches it, how much others want it. Kept only for models that were asked for,
 * and brought up to date by the difference that each entry makes; a model that changes more often than anybody asks is forgotten.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import type { ModelChange } from './body-diff.ts'
import { changedNodes, isEqualNodes, type ModelNodes, type NodeOrder } from './model-nodes.ts'

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
  private readonly order: NodeOrder
  private readonly search: ModelSearch
  private readonly modelsMax: number
  private readonly known = new Map<ModelId, Known>()

  /** @param modelsMax models kept; beyond it those not asked for since the last sweep are forgotten. */
  constructor(ports: { order: NodeOrder; search: ModelSearch }, modelsMax: number) {
    this.order = ports.order
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
    const known = this.ask(model)
    known.rateMicro ??= this.search.rateMicro(model)
    return known.rateMicro
  }

  /** After the entry of the node took its place. */
  follow(index: number, isSelf: boolean, changes: readonly ModelChange[]): void {
    if (this.known.size === 0) return
    for (const change of changes) {
      const known = this.known.get(change.model)
      if (known === undefined) continue
      known.changeCount += 1
      if (known.changeCount > changesMax) {
        this.known.delete(change.model)
        continue
      }
      const saysWho = change.holder !== undefined || change.fetching !== undefined
      if (saysWho && known.nodes !== null) known.nodes = changedNodes(known.nodes, index, change, this.order)
      if (change.rateMicro !== undefined && known.rateMicro !== null && !isSelf) known.rateMicro += change.rateMicro
    }
  }

  /** Forgets what was not asked for since the last time. */
  sweep(): void {
    for (const [model, known] of this.known) {
      if (!known.isAsked) this.known.delete(model)
      known.isAsked = false
    }
  }

  /** Searches everything again and compares. */
  checkInvariants(): void {
    for (const [model, { nodes, rateMicro }] of this.known) {
      const searched = nodes === null ? null : this.search.nodes(model)
      assertInvariant(
        nodes === null || (searched !== null && isEqualNodes(nodes, searched)),
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
    const added: Known = { nodes: null, rateMicro: null, isAsked: false, changeCount: 0 }
    this.known.set(model, added)
    return added
  }

  private makeRoom(): void {
    this.sweep()
    // All of them are in use: the oldest half goes, and is searched again when it is asked for.
    let surplus = this.known.size - Math.floor(this.modelsMax / 2)
    for (const model of this.known.keys()) {
      if (surplus <= 0) return
      this.known.delete(model)
      surplus -= 1
    }
  }
}
