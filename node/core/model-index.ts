/**
 * What a ledger knows by model: who holds it, who fetches it, how much others want it. Kept only for models that were asked for,
 * and brought up to date by the difference that each entry makes; a model that changes more often than anybody asks is forgotten.
 *
 * The lists that are handed out are those that are kept: valid until the ledger takes its next entry.
 */
import { assertInvariant } from '../../placement/errors.ts'
import type { ModelId } from '../../placement/types.ts'
import type { Holder, ModelChange } from './body-diff.ts'
import type { Interner } from './interner.ts'

/** Searches the whole ledger: what the first question for a model costs. */
export interface ModelSearch {
  /** In order of node ids, each node once. */
  holders(model: ModelId): Holder[]
  fetchers(model: ModelId): number[]
  /** Of all nodes but this one, in millionths per second. */
  rateMicro(model: ModelId): number
}

interface Known {
  holders: Holder[] | null
  fetchers: number[] | null
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

  /** @param modelsMax models kept; beyond it those not asked for since the last sweep are forgotten. */
  constructor(ports: { interner: Interner; search: ModelSearch }, modelsMax: number) {
    this.interner = ports.interner
    this.search = ports.search
    this.modelsMax = modelsMax
  }

  get size(): number {
    return this.known.size
  }

  holders(model: ModelId): readonly Holder[] {
    const known = this.ask(model)
    known.holders ??= this.search.holders(model)
    return known.holders
  }

  fetchers(model: ModelId): readonly number[] {
    const known = this.ask(model)
    known.fetchers ??= this.search.fetchers(model)
    return known.fetchers
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
      if (change.holder !== undefined && known.holders !== null) this.setHolder(known.holders, index, change.holder)
      if (change.fetching !== undefined && known.fetchers !== null) {
        this.setFetcher(known.fetchers, index, change.fetching)
      }
      if (change.rateMicro !== undefined && known.rateMicro !== null && !isSelf) known.rateMicro += change.rateMicro
    }
  }

  /** More changed than is worth following. */
  clear(): void {
    this.known.clear()
  }

  /** Forgets models that were not asked for since the last time. */
  sweep(): void {
    for (const [model, known] of this.known) {
      if (!known.isAsked) this.known.delete(model)
      known.isAsked = false
    }
  }

  /** Searches everything again and compares. */
  checkInvariants(): void {
    for (const [model, { holders, fetchers, rateMicro }] of this.known) {
      const places = (list: readonly Holder[]) =>
        list.map(({ index, resident: { tier, sizeBytes } }) => `${index} ${tier} ${sizeBytes}`).join()
      assertInvariant(
        holders === null || places(holders) === places(this.search.holders(model)),
        `the holders of ${model} are kept right`,
      )
      assertInvariant(
        fetchers === null || fetchers.join() === this.search.fetchers(model).join(),
        `who fetches ${model} is kept right`,
      )
      const searched = rateMicro === null ? null : this.search.rateMicro(model)
      assertInvariant(rateMicro === searched, `the demand for ${model} is ${searched}, ${rateMicro} kept`)
    }
  }

  private ask(model: ModelId): Known {
    const known = this.known.get(model)
    if (known !== undefined) {
      known.isAsked = true
      known.changeCount = 0
      return known
    }
    if (this.known.size >= this.modelsMax) this.makeRoom()
    const added: Known = { holders: null, fetchers: null, rateMicro: null, isAsked: true, changeCount: 0 }
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

  private setHolder(holders: Holder[], index: number, holder: Holder | null): void {
    const at = this.placeOf(holders, index, (item) => item.index)
    const isThere = holders[at]?.index === index
    if (holder === null) {
      if (isThere) holders.splice(at, 1)
    } else if (isThere) holders[at] = holder
    else holders.splice(at, 0, holder)
  }

  private setFetcher(fetchers: number[], index: number, isFetching: boolean): void {
    const at = this.placeOf(fetchers, index, (item) => item)
    const isThere = fetchers[at] === index
    if (isFetching && !isThere) fetchers.splice(at, 0, index)
    if (!isFetching && isThere) fetchers.splice(at, 1)
  }

  /** Where the node stands in the list, or would stand. */
  private placeOf<T>(list: readonly T[], index: number, indexOf: (item: T) => number): number {
    const rank = this.interner.rank(index)
    let [low, high] = [0, list.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.interner.rank(indexOf(list[middle]!)) < rank) low = middle + 1
      else high = middle
    }
    return low
  }
}
