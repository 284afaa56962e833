/**
 * What a ledger of a simulated cluster knows by model, kept as core/cluster/model-index.ts keeps it: for models that were asked for,
 * brought up to date by the difference that each entry makes. The demand for a model is read off the pages, which keep it by model.
 *
 * Where many ledgers have begun on the same pages, one search of these serves all: then every change is followed from there on, and
 * nothing is forgotten, since what a ledger keeps of a model is no more than a reference to what others know as well.
 */

import { assertInvariant, type ModelId } from '../../common/index.ts'
import { isEqualNodes, type ModelChange } from '../../core/index.ts'
import type { PageSearch } from './page-search.ts'
import type { SharedModelNodes, SharedNodes } from './shared-model-nodes.ts'

interface Known {
  nodes: SharedNodes | null
  /** Since the last sweep. */
  isAsked: boolean
  /** Changes since the last question. */
  changeCount: number
}

/** Changes without a question after which a model is forgotten: about what a search costs, and most are asked for in vain. */
const changesMax = 32

export class SharedModelIndex {
  private readonly models: SharedModelNodes
  /** Searches the whole ledger: what the first question for a model costs. */
  private readonly search: (model: ModelId) => SharedNodes
  private readonly modelsMax: number
  private readonly known = new Map<ModelId, Known>()
  /** What was so when `known` was empty last; null when that is not known. */
  private start: PageSearch | null = null

  /** @param modelsMax models kept; beyond it those not asked for since the last sweep are forgotten. */
  constructor(ports: { models: SharedModelNodes; search: (model: ModelId) => SharedNodes }, modelsMax: number) {
    this.models = ports.models
    this.search = ports.search
    this.modelsMax = modelsMax
  }

  get size(): number {
    return this.known.size
  }

  nodes(model: ModelId): SharedNodes {
    const known = this.ask(model)
    known.nodes ??= this.search(model)
    return known.nodes
  }

  /** After the entry of the node took its place. */
  follow(index: number, changes: readonly ModelChange[]): void {
    if (this.known.size === 0 && this.start === null) return
    for (const change of changes) {
      // Each ledger would follow each demand of each node: it is looked up when it is asked for.
      if (change.rateMicro !== undefined) return
      const known = this.known.get(change.model) ?? (this.start !== null ? this.add(change.model) : null)
      if (known === null) continue
      known.changeCount += 1
      if (known.changeCount > changesMax && this.start === null) {
        this.known.delete(change.model)
        continue
      }
      if (known.nodes !== null) known.nodes = this.models.next(known.nodes, index, change)
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
    for (const [model, { nodes }] of this.known) {
      assertInvariant(nodes === null || isEqualNodes(nodes, this.search(model)), `who has ${model} is kept right`)
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
    const added: Known = { nodes, isAsked: false, changeCount: 0 }
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
}
