/**
 * The nodes that have a model, and those that are fetching it: what a ledger believes of one model, in order of node ids.
 *
 * Never written again once it is made. A popular model has hundreds of holders, and a thousand ledgers of one process believe the
 * same of it but for the moments in which a message is on its way: they share it, as they share pages (ledger-pages.ts). A change leads
 * from one to the next, and that step is remembered; changes in another order come to equal ones, which are found by their hash.
 */
import { type ModelId, tierTable } from '../../common/index.ts'
import type { ResidentModel } from '../events.ts'
import type { Holder, ModelChange } from './body-diff.ts'

export class ModelNodes {
  /** Indices of the nodes that say they have it complete. */
  readonly holders: readonly number[]
  /** As they have it, in the same order. */
  readonly residents: readonly ResidentModel[]
  /** Indices of the nodes that say it is on its way in. */
  readonly fetchers: readonly number[]
  /** Xor of the hashes of all of these. */
  readonly hash: number
  step: Step | null = null

  constructor(
    { holders, residents, fetchers }: Pick<ModelNodes, 'holders' | 'residents' | 'fetchers'>,
    nodeHashOf: (index: number) => number,
  ) {
    this.holders = holders
    this.residents = residents
    this.fetchers = fetchers
    let hash = 0
    for (let at = 0; at < holders.length; at += 1) hash ^= holderHash(nodeHashOf(holders[at]!), residents[at]!)
    for (let at = 0; at < fetchers.length; at += 1) hash ^= mix(nodeHashOf(fetchers[at]!) ^ fetchingMark)
    this.hash = hash
  }
}

interface Step {
  readonly index: number
  readonly change: ModelChange
  readonly next: ModelNodes
}

export interface NodeOrder {
  /** Comparing the ranks of two nodes is comparing their ids. */
  rank(index: number): number
  hash(index: number): number
}

/** Versions of one model that are kept to be found again: as many as there are changes of it under way, and some. */
const knownMax = 16

export class SharedModelNodes {
  private readonly order: NodeOrder
  private readonly known = new Map<ModelId, ModelNodes[]>()

  constructor(order: NodeOrder) {
    this.order = order
  }

  create(model: ModelId, holders: readonly Holder[], fetchers: readonly number[], isShared: boolean): ModelNodes {
    const columns = {
      holders: holders.map(({ index }) => index),
      residents: holders.map(({ resident }) => resident),
      fetchers,
    }
    const made = new ModelNodes(columns, (index) => this.order.hash(index))
    return isShared ? this.meet(model, made) : made
  }

  /** What becomes of it when a node says something else of the model. */
  next(from: ModelNodes, index: number, change: ModelChange, isShared: boolean): ModelNodes {
    const { step } = from
    if (step !== null && step.index === index && isSameChange(step.change, change)) return step.next
    const made = this.changed(from, index, change)
    if (!isShared) return made
    const next = this.meet(change.model, made)
    from.step = { index, change, next }
    return next
  }

  private changed(from: ModelNodes, index: number, { holder, fetching }: ModelChange): ModelNodes {
    let { holders, residents, fetchers } = from
    if (holder !== undefined) {
      const at = this.placeOf(holders, index)
      const goneCount = holders[at] === index ? 1 : 0
      holders = holders.toSpliced(at, goneCount, ...(holder === null ? [] : [index]))
      residents = residents.toSpliced(at, goneCount, ...(holder === null ? [] : [holder.resident]))
    }
    if (fetching !== undefined) {
      const at = this.placeOf(fetchers, index)
      fetchers = fetchers.toSpliced(at, fetchers[at] === index ? 1 : 0, ...(fetching ? [index] : []))
    }
    return new ModelNodes({ holders, residents, fetchers }, (node) => this.order.hash(node))
  }

  /** The one of equal content that others have, or this one from now on. */
  private meet(model: ModelId, made: ModelNodes): ModelNodes {
    const known = this.known.get(model)
    if (known === undefined) {
      this.known.set(model, [made])
      return made
    }
    const equal = known.find((one) => one.hash === made.hash && isEqual(one, made))
    if (equal !== undefined) return equal
    known.push(made)
    // Its step goes with it: a ledger that was left behind would hold all versions since by the chain of steps.
    if (known.length > knownMax) known.shift()!.step = null
    return made
  }

  /** Where the node stands in the list, or would stand. */
  private placeOf(list: readonly number[], index: number): number {
    const rank = this.order.rank(index)
    let [low, high] = [0, list.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.order.rank(list[middle]!) < rank) low = middle + 1
      else high = middle
    }
    return low
  }
}

const fetchingMark = 0x2545f491

function holderHash(nodeHash: number, { tier, sizeBytes }: ResidentModel): number {
  return mix(nodeHash ^ Math.imul(tierTable[tier].wireNumber + 1, 0x1b873593) ^ Math.imul(sizeBytes | 0, 0x9e3779b1))
}

/** The finalizer of murmur3. */
function mix(word: number): number {
  let value = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return value ^ (value >>> 16)
}

function isSameChange(a: ModelChange, b: ModelChange): boolean {
  if (a === b) return true
  return a.fetching === b.fetching && (a.holder === b.holder || isSameHolder(a.holder, b.holder))
}

function isSameHolder(a: ModelChange['holder'], b: ModelChange['holder']): boolean {
  return a != null && b != null && isSameResident(a.resident, b.resident)
}

function isSameResident(a: ResidentModel, b: ResidentModel): boolean {
  return a === b || (a.tier === b.tier && a.sizeBytes === b.sizeBytes)
}

export function isEqual(a: ModelNodes, b: ModelNodes): boolean {
  if (a.holders.length !== b.holders.length || a.fetchers.length !== b.fetchers.length) return false
  for (let at = 0; at < a.holders.length; at += 1) {
    if (a.holders[at] !== b.holders[at] || !isSameResident(a.residents[at]!, b.residents[at]!)) return false
  }
  return a.fetchers.every((index, at) => index === b.fetchers[at])
}
